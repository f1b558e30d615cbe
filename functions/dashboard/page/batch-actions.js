import { ask } from './api.js';
import { busy, button, confirmed, toast } from './widgets.js';

const { element } = globalThis.proofsheet;
const FILES = { json: 'JSON', csv: 'CSV', markdown: 'Markdown', junit: 'JUnit' };
const CANCEL = {
  title: 'Cancel this batch?',
  text: 'Calls under way finish and are kept; everything else is cancelled. The batch can be resumed later.',
  ...{ yes: 'Cancel the batch', kind: 'danger' },
};
const RAISE = {
  title: 'Raise the spend ceiling?',
  text: 'The batch goes on until it has spent this much in all.',
  yes: 'Raise it and resume',
};
const RETRY = {
  title: 'Retry the failed items?',
  text: 'Items below the threshold begin anew; what was paid for them so far is paid again.',
  yes: 'Retry them',
};

/** What can be done with a batch as it stands; `reload` is called after something was set going. */
export function batchActions(id, reload) {
  const send = (path, more = {}) => ask(path, { method: 'POST', body: { batch_id: id, ...more } });
  const act = (work) => (event) => busy(event.currentTarget, work);
  const resume = async (more) => {
    await send('/api/batch/resume', more);
    reload();
  };
  const work = {
    resume: act(() => resume({})),
    raise: act(async () => {
      const input = element('input', { type: 'number', min: '0', step: '0.01' });
      const wanted = await confirmed({ ...RAISE, field: { label: 'US dollars', input } });
      if (wanted) await resume({ max_spend_usd: Number(wanted) });
    }),
    errors: act(() => resume({ errors: true })),
    failed: act(async () => (await confirmed(RETRY)) && (await resume({ failed: true }))),
    render: act(async () => {
      await send('/api/batch/report');
      toast('The report is written once more.');
      reload();
    }),
    cancel: act(async () => {
      if (!(await confirmed(CANCEL))) return;
      await send('/api/batch/cancel');
      toast('The batch is being cancelled.');
    }),
  };
  return (now, isReviewed) => {
    const { state, counts, cancel_requested: cancelling, report, paused } = now;
    const isSpent = state === 'paused' && paused?.code === 'budget';
    const isOver = state === 'finished' || state === 'cancelled';
    const link = `/api/batch/report?batch_id=${encodeURIComponent(id)}`;
    return [
      report && element('a', { class: 'button primary', href: link }, 'Open the report'),
      report && isReviewed && button('Write the report again', work.render),
      isSpent && button('Raise the ceiling …', work.raise, { kind: 'primary' }),
      !isSpent &&
        (state === 'paused' || state === 'cancelled') &&
        button('Resume', work.resume, { kind: report ? '' : 'primary' }),
      isOver && counts.error > 0 && button(`Retry ${counts.error} errors`, work.errors),
      isOver && counts.failed > 0 && button(`Retry ${counts.failed} failed`, work.failed),
      !isOver && button('Cancel', work.cancel, { kind: 'danger', disabled: cancelling }),
      report && element('span', { class: 'downloads' }, Object.entries(FILES).map(fileLink(link))),
    ].filter(Boolean);
  };
}

function fileLink(report) {
  return ([format, label]) => element('a', { href: `${report}&format=${format}`, download: '' }, label);
}
