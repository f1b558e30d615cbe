import { z } from 'zod';
import type { Arrival } from './drop-gate.ts';
import { ProofsheetError } from './errors.ts';
import { isOwnOutput } from './own-mark.ts';

const FINALIZED = 'google.cloud.storage.object.v1.finalized';
const PUBLISHED = 'google.cloud.pubsub.topic.v1.messagePublished';

/** 64-bit numbers are texts in JSON. */
const longSchema = z.union([z.string(), z.number()]).transform(String);

/** What Cloud Storage says about an object, of a CloudEvent and of a notification alike. */
const objectSchema = z.object({
  bucket: z.string().min(1),
  name: z.string().min(1),
  generation: longSchema,
  size: z.coerce.number().optional(),
  contentType: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  timeCreated: z.string(),
});
type StoredObject = z.infer<typeof objectSchema>;

const storageEventSchema = z.object({ type: z.literal(FINALIZED), data: objectSchema });

const messageSchema = z.object({
  data: z.string().nullish(),
  attributes: z.record(z.string(), z.string()).nullish(),
});
/** As Eventarc passes a message on, and as Pub/Sub pushes one. */
const notificationSchema = z.union([
  z.object({ type: z.literal(PUBLISHED), data: z.object({ message: messageSchema }) }).transform(({ data }) => data),
  z.object({ message: messageSchema }),
]);

/** What a notification says beside its payload; with the payload format NONE that is all. */
const attributesSchema = z
  .object({ bucketId: z.string(), objectId: z.string(), objectGeneration: z.string(), eventTime: z.string() })
  .transform((of) => ({
    bucket: of.bucketId,
    name: of.objectId,
    generation: of.objectGeneration,
    timeCreated: of.eventTime,
  }));

/**
 * The arrival that an event tells of: a CloudEvent of Eventarc, or a notification of Cloud Storage through Pub/Sub.
 * Undefined for events of another kind. Errors: usage, for what cannot be understood.
 */
export function arrivalFrom(event: unknown): Arrival | undefined {
  const type = z.object({ type: z.string() }).safeParse(event).data?.type;
  if (type !== undefined && type !== PUBLISHED && type !== FINALIZED) return undefined;
  if (type === FINALIZED) return arrivalOf(understood(storageEventSchema, event).data);
  const { message } = understood(notificationSchema, event);
  const { eventType } = message.attributes ?? {};
  if (eventType !== undefined && eventType !== 'OBJECT_FINALIZE') return undefined;
  if (message.data) return arrivalOf(understood(objectSchema, parseJson(message.data)));
  return arrivalOf(understood(attributesSchema, message.attributes));
}

/** Generations tell the versions of an object apart, by the names under which `Files` reads them. */
export function objectVersion(object: Pick<StoredObject, 'bucket' | 'name' | 'generation' | 'timeCreated'>): {
  id: string;
  uri: string;
  createdAt: number;
} {
  const uri = `gs://${object.bucket}/${object.name}#${object.generation}`;
  return { id: uri, uri, createdAt: Date.parse(object.timeCreated) };
}

function arrivalOf(object: StoredObject): Arrival {
  const { bucket, name, size, contentType, metadata } = object;
  return {
    uri: `gs://${bucket}/${name}`,
    version: objectVersion(object),
    isOwn: isOwnOutput(metadata ?? undefined),
    ...(size !== undefined && { bytes: size }),
    ...(contentType && { contentType }),
  };
}

function understood<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ProofsheetError(
    'usage',
    `An event is no object notification (${issue?.path.join('.') || 'event'}: ${issue?.message}); check what the trigger is subscribed to.`,
  );
}

function parseJson(base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString());
  } catch {
    return undefined;
  }
}
