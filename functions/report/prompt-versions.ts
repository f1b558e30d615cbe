import { html } from 'hono/html';
import type { Batch } from '../domain/batch.ts';
import { averageOf, type PromptVersion, passedOf, type Trial } from '../domain/optimization.ts';
import { type Html, number } from './html-summary.ts';
import { usd } from './item-row.ts';
import { oneLine } from './safe-text.ts';
import type { Tally } from './tally.ts';

/** Items that were worked with each version of the prompt in the end, by its number. */
export type WorkedWith = Tally['prompts'];

/**
 * The member `optimization` of `prompt_evolution.json`: every version of the prompt, who it was tried on, how these items ended before
 * and with it, why it was adopted or not, and what came of it. Null where no prompt was to be improved.
 */
export function optimizationRecord({ optimize, optimization, recipeSettings }: Batch, worked: WorkedWith) {
  if (optimize === undefined || optimization === undefined) return null;
  const { calls, versions, end, plan } = optimization;
  return {
    prompt: recipeSettings.prompt ?? null,
    budget: { calls: optimize.calls, used: calls, cost_usd: usd(optimization) },
    ended: end?.why ?? null,
    failures: (plan?.groups ?? []).map(({ group, items }) => ({ group, items })),
    versions: versions.map((version) => versionRecord(version, worked)),
  };
}

function versionRecord({ trials, ...version }: PromptVersion, worked: WorkedWith) {
  const failing = trials.filter(({ sample }) => sample === 'failing');
  const heldOut = trials.filter(({ sample }) => sample === 'held_out');
  const { items = 0, passed = 0 } = worked.get(version.version) ?? {};
  return {
    version: version.version,
    group: version.group,
    diagnosis: version.diagnosis,
    direction: version.direction ?? null,
    prompt: version.prompt ?? null,
    decision: version.decision,
    why: version.why,
    passed_before: passedOf(failing, 'before'),
    passed_after: passedOf(failing, 'after'),
    score_before: averageOf(failing, 'before'),
    score_after: averageOf(failing, 'after'),
    held_out: {
      ...{ passed_before: passedOf(heldOut, 'before'), passed_after: passedOf(heldOut, 'after') },
      ...{ score_before: averageOf(heldOut, 'before'), score_after: averageOf(heldOut, 'after') },
    },
    tried_on: trials.map(({ itemId, ...trial }) => ({ item_id: itemId, ...trial, control: trial.control ?? null })),
    applied_to: items,
    recovered: passed,
  };
}

/** What became of the prompt, for the page. */
export function promptSection(batch: Batch, tally: Tally): Html {
  const record = optimizationRecord(batch, tally.prompts);
  if (record === null) return html``;
  const title = 'Prompt improvement';
  const { budget, versions, ended } = record;
  return html`<details class="card groups" open><summary><b>${title}</b> ${number(versions.length)}</summary>
<p class="quiet">${number(budget.used)} of ${number(budget.calls)} calls. ${oneLine(ended ?? '')}</p>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">Version</th><th scope="col">Prompt</th><th scope="col">Failing items that pass</th><th scope="col">Passed items that pass</th><th scope="col">Decision</th><th scope="col">Recovered</th></tr></thead>
<tbody><tr><th scope="row">given</th><td><p>${oneLine(String(record.prompt ?? ''))}</p></td><td></td><td></td><td></td><td></td></tr>
${(batch.optimization?.versions ?? []).map((version) => versionRow(version, tally.prompts))}</tbody></table></div>
<p class="quiet">Who each version was tried on is in <a href="metadata/prompt_evolution.json">prompt_evolution.json</a>.</p>
</details>`;
}

function versionRow(version: PromptVersion, worked: WorkedWith): Html {
  const { items = 0, passed = 0 } = worked.get(version.version) ?? {};
  const passing = (sample: Trial['sample']) => {
    const trials = version.trials.filter((trial) => trial.sample === sample);
    return trials.length === 0
      ? '–'
      : `${passedOf(trials, 'before')} → ${passedOf(trials, 'after')} of ${trials.length}`;
  };
  return html`<tr><th scope="row">${version.version} <small>${version.group.replaceAll('_', ' ')}</small></th>
<td><p>${oneLine(version.prompt ?? '')}</p><small>${oneLine(version.diagnosis)}</small></td>
<td class="number">${passing('failing')}</td><td class="number">${passing('held_out')}</td>
<td>${version.decision} <small>${oneLine(version.why)}</small></td>
<td class="number">${version.decision === 'adopted' ? `${passed} of ${items}` : '–'}</td></tr>`;
}
