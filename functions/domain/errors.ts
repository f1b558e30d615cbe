import { z } from 'zod';
import type { PaidAnswer } from './model-call.ts';

/**
 * Every way an item, a call or a command can go wrong, as a closed list: users filter on these words.
 * The remark names the remedy shown beside the code where a message has none of its own.
 */
const CODES = {
  // intake: the file itself
  empty_file: 'The file has no bytes; upload it again.',
  file_missing: 'The file is no longer there; run again with the files that exist.',
  unreadable_file: 'The file could not be read; check its permissions.',
  file_too_large: 'The file is above the size limit; raise --max-file-size or shrink it.',
  image_too_large: 'The picture has too many pixels; export it smaller.',
  not_an_image: 'The content is no picture, whatever its name says.',
  unsupported_format: 'The format is not taken; export a picture as JPEG, PNG or WebP, save a text as UTF-8.',
  corrupt_image: 'The picture is damaged or cut off; export or upload it again.',
  missing_column:
    'The prompt asks for a column that the item does not have; add it to the manifest or change the prompt.',
  source_changed: 'The file changed after the batch was planned; run again to take the new version.',
  superseded: 'A newer version of the file took its place and is an item of its own; nothing to do.',
  bad_row: 'The row of the manifest could not be understood; correct it and run again.',
  already_done: 'The same picture was done with the same settings before; --force does it again.',
  unfinished_elsewhere: 'The same picture is unfinished in another batch; resume or cancel that batch.',
  // answers of a model that are no use (they are paid for)
  prompt_blocked: 'The model refused the request; change the prompt or the picture.',
  safety: 'The model stopped for safety; change the prompt or the picture.',
  prohibited_content: 'The model calls the content prohibited; change the prompt or the picture.',
  blocklist: 'The model met a blocked term; change the prompt.',
  sensitive_data: 'The model met personal data; remove it from the picture or the prompt.',
  recitation: 'The model stopped because its answer quoted a source; change the prompt.',
  unsupported_language: 'The model does not take this language; change the prompt.',
  image_safety: 'The generated picture was withheld for safety; change the prompt or the picture.',
  image_prohibited_content:
    'The generated picture was withheld as prohibited content; change the prompt or the picture.',
  image_recitation: 'The generated picture was withheld because it resembled a source; change the prompt.',
  no_image: 'The model returned no picture; try again or change the prompt.',
  image_other: 'The model withheld the picture without saying why; try again or change the prompt.',
  answered_in_words: 'The image model answered in words instead of a picture; change the prompt.',
  empty_answer: 'The model returned nothing; try again.',
  truncated_answer: 'The answer was cut at the token limit; raise the limit or ask for less.',
  malformed_answer: 'The answer did not have the shape that was asked for; try again or use another model.',
  model_declined: 'The model stopped for an unnamed reason; try again or change the prompt.',
  judge_undecided: 'The judge could not answer enough of the questions; look at the picture yourself.',
  rubric_failed: 'No usable questions could be made from the description; check the picture and the text model.',
  below_threshold: 'The best picture scored below the threshold; look at it, or run resume --failed.',
  // the service
  invalid_request: 'The service refused the request as invalid; see the message.',
  service_refused: 'The service refuses this project (billing or region); fix it, then resume.',
  auth_failed: 'The key or the permissions were refused; fix them, then resume.',
  model_not_found: 'The model does not exist or is retired; set another one, then run again.',
  rate_limited: 'Too many requests; the work goes on by itself.',
  spend_limited: 'The rolling spend limit of the project is reached; the work goes on by itself.',
  daily_quota: 'The daily quota is used up; resume after it resets.',
  credit_exhausted: 'The prepaid credit or spend cap is used up; top it up, then resume.',
  server_error: 'The service failed; resume --errors tries again.',
  overloaded: 'The service is overloaded; resume --errors tries again.',
  timeout: 'The service did not answer in time; raise --timeout or resume --errors.',
  network: 'The connection broke; check the network, then resume --errors.',
  bad_response: 'The service answered with something that is not its API; check the address.',
  budget: 'The spend ceiling is reached; resume with a higher --max-spend.',
  price_unknown:
    'A spend ceiling needs the prices of all models; add them to prices in proofsheet.yaml or give --assume-price.',
  // drops
  loop_suspected: 'The same file was taken too often; find out what keeps writing it, then resume.',
  // the engine
  recipe_changed: 'The recipe asks something else than what was recorded; run the item again with --force.',
  step_limit: 'The recipe made more steps than it may; report this as a bug.',
  attempts_exhausted: 'The item was begun too often without an end; see the last reason.',
  time_limit: 'The item was in work for too long; resume --errors tries again.',
  lease_lost: 'Another worker took the item over; nothing to do.',
  dead_lettered: 'The message was given back too often; resume --errors tries again.',
  internal: 'Something unexpected happened; report this as a bug.',
  // the command
  usage: 'See --help.',
  forbidden: 'This may not be asked from there; see the message.',
  not_found: 'Check the id with `proofsheet list`.',
  wrong_state: 'See `proofsheet show` for the state.',
  batch_running: 'Wait for the running batch, or cancel it.',
  vectors_differ:
    'Vectors of another length are there; use another collection, or clear it with `proofsheet embed --force`.',
  storage: 'Check the disk and the permissions of the state folder.',
  storage_unavailable: 'The store cannot be reached for now; the work goes on by itself.',
} as const;

export type ErrorCode = keyof typeof CODES;

export const errorCodeSchema = z.enum(Object.keys(CODES) as [ErrorCode, ...ErrorCode[]]);

/** What to do about a code, one sentence. */
export function remedyFor(code: ErrorCode): string {
  return CODES[code];
}

/**
 * - `permanent`: trying the same again gives the same.
 * - `transient`: trying again later may work.
 * - `conflict`: somebody else holds or has done the work; nothing is wrong.
 */
export type Disposition = 'permanent' | 'transient' | 'conflict';

export interface ErrorDetails {
  disposition?: Disposition;
  /** `batch`: every item would fail in the same way until a person or a quota's reset changes something, so the batch stops instead. */
  scope?: 'item' | 'batch';
  /** How long the service asks to wait, in milliseconds. */
  retryAfterMs?: number;
  /** Set when the service answered and billed: such an answer is recorded in the journal and never asked for again. */
  paid?: PaidAnswer;
  cause?: unknown;
}

/** The one error of this project. `message` is one sentence that names the thing and the remedy. */
export class ProofsheetError extends Error {
  readonly code: ErrorCode;
  readonly disposition: Disposition;
  readonly scope: 'item' | 'batch';
  readonly retryAfterMs: number | undefined;
  readonly paid: PaidAnswer | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ProofsheetError';
    this.code = code;
    this.disposition = details.disposition ?? 'permanent';
    this.scope = details.scope ?? 'item';
    this.retryAfterMs = details.retryAfterMs;
    this.paid = details.paid;
  }
}

/** Any thrown value as a ProofsheetError; what is not one of ours becomes `internal`. */
export function asProofsheetError(thrown: unknown): ProofsheetError {
  if (thrown instanceof ProofsheetError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ProofsheetError('internal', `Unexpected failure: ${message}`, { cause: thrown });
}
