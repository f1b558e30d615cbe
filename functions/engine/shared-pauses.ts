import { asProofsheetError } from '../domain/errors.ts';
import type { ModelPauses } from '../platform/limit-ports.ts';
import type { Clock, Log } from '../platform/ports.ts';

/** The pauses of models as one process sees them: looked up now and then, written when this process meets a limit. */
export interface SharedPauses {
  /** How long a model is to be left alone from now on; 0 where it may be asked. */
  leftMs(model: string): Promise<number>;
  /** The service took no more and wants to be left alone for so long. */
  limited(model: string, ms: number): Promise<void>;
}

/** How long what was looked up is believed. */
const LOOK_EVERY_MS = 3_000;
/** Shorter waits are this process's own affair: they would be over before others have heard of them. */
const SHARED_FROM_MS = 5_000;
/** No process keeps all others waiting for longer than this, whatever a service says. */
const LONGEST_MS = 600_000;
/** An end that is later by less than this is not worth a write: with many processes only the first one writes. */
const SLACK_MS = 1_000;
/** Those who waited for the same end do not come back all at once. */
const SPREAD_MS = 2_000;

interface Known {
  until: number;
  /** The next look is not due before this. */
  believedUntil: number;
  look?: Promise<void> | undefined;
}

export function sharedPauses(of: { pauses: ModelPauses; clock: Clock; log: Log }): SharedPauses {
  const { pauses, clock, log } = of;
  const models = new Map<string, Known>();

  function knownOf(model: string): Known {
    const known = models.get(model) ?? { until: 0, believedUntil: 0 };
    models.set(model, known);
    return known;
  }

  async function look(model: string, known: Known): Promise<void> {
    try {
      known.until = Math.max(known.until, await pauses.pausedUntil(model));
    } catch (thrown) {
      said(model, thrown);
    }
    known.believedUntil = clock.now() + LOOK_EVERY_MS;
    known.look = undefined;
  }

  /** Pauses only spare the service and ourselves; without them work goes on. */
  function said(model: string, thrown: unknown): void {
    const { code, message } = asProofsheetError(thrown);
    log.warn({ model, code, error: message }, 'pauses of models are not shared for now');
  }

  return {
    async leftMs(model) {
      const known = knownOf(model);
      if (known.believedUntil <= clock.now()) {
        known.look ??= look(model, known);
        await known.look;
      }
      const left = known.until - clock.now();
      return left > 0 ? Math.ceil(left + SPREAD_MS * clock.random()) : 0;
    },
    async limited(model, ms) {
      const known = knownOf(model);
      const until = clock.now() + Math.min(ms, LONGEST_MS);
      if (ms < SHARED_FROM_MS || until <= known.until + SLACK_MS) return;
      known.until = until;
      await pauses.pause(model, until).catch((thrown: unknown) => said(model, thrown));
    },
  };
}
