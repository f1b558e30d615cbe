import { z } from 'zod';

/** The body of a request by which Pub/Sub pushes a message. Beside these members it has others that nothing here needs. */
export const pushSchema = z.object({
  message: z.object({
    /** Base64. */
    data: z.string().optional(),
    attributes: z.record(z.string(), z.string()).optional(),
    messageId: z.string(),
  }),
  /** Full name of the subscription that pushes. */
  subscription: z.string(),
});
export type Push = z.infer<typeof pushSchema>;
