import type { App } from '../app/app.ts';
import { dispatch } from '../app/dispatch.ts';
import { putAside } from '../app/put-aside.ts';
import { settleDeadLetter } from '../app/settle-dead-letter.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { Message } from '../domain/message.ts';
import { type Push, pushSchema } from '../domain/push.ts';
import { fromWire } from '../domain/wire-message.ts';

/** A request of Pub/Sub, whatever server took it. */
export interface PushRequest {
  authorization: string | undefined;
  /** Parsed JSON. */
  body: unknown;
  /** The message was given up by its own subscription and comes from that of the dead letters. */
  isDeadLetter: boolean;
}

export interface PubsubHandlerOptions {
  app: App;
  /** Why a sender may not push; undefined if it may. Left out, nobody asks. */
  refusalOf?: (authorization: string | undefined) => Promise<string | undefined>;
  /** Where messages are kept that cannot be read. */
  quarantine: string;
}

const DONE = 204;
const REFUSED = 403;
/** Pub/Sub delivers again, after the backoff of the subscription. */
const AGAIN = 503;

/** A message that is due this soon is waited for: giving it back would cost ten seconds and a delivery attempt. */
const WAIT_MS = 10_000;

/**
 * Takes a pushed message and gives the HTTP status of the answer, which is all that Pub/Sub looks at. Nothing is read or done
 * for a sender who may not push.
 */
export function pubsubHandler(options: PubsubHandlerOptions): (request: PushRequest) => Promise<number> {
  const { app } = options;
  return async (request) => {
    try {
      const refusal = await options.refusalOf?.(request.authorization);
      if (refusal !== undefined) {
        app.log.warn({ refusal }, 'a push was refused');
        return REFUSED;
      }
      const push = pushSchema.safeParse(request.body);
      const received = push.success ? fromWire(push.data.message) : undefined;
      if (!push.success || received === undefined) {
        await putAside(app, options.quarantine, request.body);
        return DONE;
      }
      const aheadMs = received.notBefore - app.clock.now();
      if (aheadMs > WAIT_MS) return AGAIN;
      if (aheadMs > 0) await app.clock.sleep(aheadMs);
      return await handle(app, received.message, request.isDeadLetter ? push.data : undefined);
    } catch (thrown) {
      const { code, message } = asProofsheetError(thrown);
      app.log.error({ code, error: message }, 'a push could not be answered');
      return AGAIN;
    }
  };
}

async function handle(app: App, message: Message, deadLetter: Push | undefined): Promise<number> {
  try {
    if (deadLetter !== undefined) {
      await settleDeadLetter(app, message, reasonOf(deadLetter));
      return DONE;
    }
    const disposal = await dispatch(app, message);
    // A delay that is asked for is shorter than the least backoff of the subscriptions; a delayed copy would be given back
    // as well until it is due, and would begin to count its deliveries anew.
    return disposal.kind === 'ack' ? DONE : AGAIN;
  } catch (thrown) {
    const { code, message: error, disposition } = asProofsheetError(thrown);
    const isLost = deadLetter !== undefined && disposition === 'permanent';
    app.log[isLost ? 'error' : 'warn']({ ...message, code, error }, 'delivery failed');
    // There is nobody behind the dead letters: what cannot be settled now or later ends here.
    return isLost ? DONE : AGAIN;
  }
}

/** Pub/Sub says beside a dead letter how often it was delivered. */
function reasonOf({ message: { attributes = {} } }: Push): string {
  const count = attributes.CloudPubSubDeadLetterSourceDeliveryCount;
  return count === undefined ? 'its deliveries were used up' : `${count} deliveries failed`;
}
