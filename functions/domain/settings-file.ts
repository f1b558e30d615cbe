import { z } from 'zod';
import { archiveFormatSchema } from './batch.ts';
import { bytesIn } from './byte-size.ts';
import { priceTableSchema } from './cost.ts';
import { embeddingFileSchema } from './embedding-settings.ts';
import { GECKO } from './model-call.ts';

const DAY_SECONDS = 86_400;

const sizeSchema = z
  .union([z.number(), z.string()])
  .transform((size) => bytesIn(String(size)) ?? 0)
  .refine((bytes) => bytes > 0, 'must be a size such as 500KB or 20MB');

/** What `proofsheet.yaml` may say. Every word has a flag or an environment variable of the same meaning. */
export const settingsFileSchema = z.strictObject({
  home: z.string().optional(),
  outputDir: z.string().optional(),
  textModel: z.string().optional(),
  imageModel: z.string().optional(),
  judgeModel: z.string().optional(),
  judge: z.enum(['rubric', GECKO]).optional(),
  judgeBucket: z.string().optional(),
  judgeLocation: z.string().optional(),
  threshold: z.number().min(0).max(1).optional(),
  maxAttempts: z.number().int().min(1).max(10).optional(),
  maxConcurrent: z.number().int().min(1).max(1000).optional(),
  maxRetries: z.number().int().min(1).max(20).optional(),
  /** Bytes, or `20MB`. */
  maxFileSize: sizeSchema.optional(),
  /** Which files of a folder. */
  pattern: z.union([z.string().transform((one) => [one]), z.array(z.string())]).optional(),
  archiveFormat: archiveFormatSchema.optional(),
  /** Seconds. */
  timeout: z.number().min(1).max(600).optional(),
  /** Seconds until a job of the batch lane is first looked at; later looks come less and less often. */
  batchPollSeconds: z.number().min(0.05).max(3600).optional(),
  /** Days after which an unfinished batch is cancelled. */
  maxBatchDays: z.number().int().min(1).max(365).optional(),
  dropQuietSeconds: z.number().int().min(1).max(DAY_SECONDS).optional(),
  dropGraceSeconds: z.number().int().min(1).max(DAY_SECONDS).optional(),
  /** Dollars that all batches together spend in a day (UTC), at most. */
  dailySpendLimit: z.number().nonnegative().optional(),
  /** Prices that replace or add to the built-in ones. */
  prices: priceTableSchema.optional(),
  embedding: embeddingFileSchema.optional(),
});
export type FileSettings = z.infer<typeof settingsFileSchema>;
