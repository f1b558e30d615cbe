import { missingEmulators, startFirestoreEmulator, startPubsubEmulator } from '../support/emulators.ts';
import { type CloudResult, runChild } from './children.ts';
import type { Bench, Row } from './goals.ts';
import { times } from './goals.ts';
import { median, spread } from './statistics.ts';

const ITEMS = 2_000;
const INSTANCES = 4;
const HANDLERS = 8;

/** Many handlers over one batch with the state in Firestore and the messages in Pub/Sub, both emulated. */
export async function manyHandlers({ rounds }: Bench): Promise<Row[]> {
  const missing = missingEmulators();
  if (missing !== undefined) throw new Error(missing);
  const [firestore, pubsub] = await Promise.all([startFirestoreEmulator(), startPubsubEmulator()]);
  try {
    const results = await times(rounds, () =>
      runChild<CloudResult>('cloud-worker.ts', [
        ...['--firestore', firestore.host, '--pubsub', pubsub.host],
        ...['--items', `${ITEMS}`, '--instances', `${INSTANCES}`, '--handlers', `${HANDLERS}`],
      ]),
    );
    return rowsOf(results);
  } finally {
    await Promise.all([firestore.stop(), pubsub.stop()]);
  }
}

function rowsOf(results: readonly CloudResult[]): Row[] {
  const none = { bare: '', ratio: '' };
  const of = (read: (result: CloudResult) => number) => results.map(read);
  const exact = results.every(({ counts, calls, finalised }) => {
    return counts.total === ITEMS && counts.passed === ITEMS && calls === ITEMS && finalised === 1;
  });
  return [
    {
      goal: `i. ${ITEMS} items, ${INSTANCES} instances of ${HANDLERS} handlers: items a second on the emulators`,
      ...{
        limit: 'counts exact, one report',
        measured: spread(
          of(({ wallMs }) => (ITEMS * 1000) / wallMs),
          0,
        ),
        ...none,
        ok: exact,
      },
    },
    {
      goal: 'i. commits that Firestore answered with ABORTED',
      ...{
        limit: '0',
        measured: spread(
          of(({ aborted }) => aborted),
          0,
        ),
        ...none,
        ok: median(of(({ aborted }) => aborted)) === 0,
      },
    },
    {
      goal: 'i. documents read per item, planning and report included',
      ...{
        limit: '',
        measured: spread(
          of(({ reads }) => reads / ITEMS),
          2,
        ),
        ...none,
        ok: true,
      },
    },
    {
      goal: 'i. documents written per item',
      ...{
        limit: '',
        measured: spread(
          of(({ writes }) => writes / ITEMS),
          2,
        ),
        ...none,
        ok: true,
      },
    },
  ];
}
