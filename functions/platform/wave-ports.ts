import type { ModelAnswer, ModelRequest } from '../domain/model-call.ts';
import type { JobState, Standing, Wave, WaveCall } from '../domain/wave.ts';

/** Jobs of the Batch API: many questions to one model in a file, answered within a day at half the price. Fails with ProofsheetError. */
export interface ModelJobs {
  /** A call as a line of a job's input, without line feed; its files are read in, or named where the service reads them. */
  line(call: { key: string; request: ModelRequest }): Promise<string>;
  /** Puts an input (a URI of Files) where the service reads it, and says where that is. May be repeated. */
  upload(input: { uri: string; token: string; model: string }): Promise<string>;
  /** Makes a job that bears the token. Not to be repeated after a failure that is not permanent: it may be made. Look with `find`. */
  create(job: { token: string; model: string; place: string }): Promise<Job>;
  /** Jobs with this token, the oldest first. One that was just made may be missing. */
  find(token: string, model: string): Promise<Job[]>;
  /** How a job stands; `lost` only where the service says that it does not exist. */
  get(name: string): Promise<Job>;
  /** Asks a job to end; nothing happens to one that is over. */
  cancel(name: string): Promise<void>;
  /** The results of a job that is over, from their beginning, as the service wrote them; empty if it wrote none. Fails where they are cut off. */
  results(job: Job): Promise<AsyncIterable<Uint8Array>>;
  /** What a line of the results says; undefined where it names no call. */
  read(line: string): Promise<JobAnswer | undefined>;
}
export interface Job {
  name: string;
  state: JobState;
  /** Calls that are answered or refused, of all, where the service says so. */
  completed?: number;
  reason?: string;
}
export interface JobAnswer {
  key: string;
  /** The answer to this request. Fails as `Models.call` does. */
  answerTo(request: ModelRequest): ModelAnswer;
}

/** Calls that wait for the Batch API, and the waves they go out with. Every method is atomic by itself unless it says otherwise. */
export interface Waves {
  /** Keeps calls of a batch, write-once by id: one that is there is left as it is. Call by call. */
  park(batchId: string, calls: readonly WaveCall[]): Promise<void>;
  /** All calls that are kept of an item. */
  callsOf(batchId: string, itemId: string): Promise<WaveCall[]>;
  /** In order of id, after the id `after`: the calls of a wave that have not come back, or those in a state. */
  calls(batchId: string, page: CallPage): Promise<WaveCall[]>;
  /**
   * Calls that wait join a wave, which counts them; those that no longer wait are left out. Gives how many joined. Fails with a
   * conflict unless the wave is packing. Some at most may join when it fails, and are counted.
   */
  join(wave: Pick<Wave, 'batchId' | 'id'>, callIds: readonly string[]): Promise<number>;
  /** Calls to a new standing, each only if it waits, or is in the wave `waveId`. Call by call, may be repeated. */
  move(batchId: string, waveId: string | undefined, moves: readonly CallMove[]): Promise<void>;
  /** Drops calls whose answers are in their journals, or that nobody asks for any more. Call by call, may be repeated. */
  forget(batchId: string, callIds: readonly string[]): Promise<void>;
  /** Write-once by id; false if it is there. */
  create(wave: Wave): Promise<boolean>;
  /** All waves of a batch, in order. */
  list(batchId: string): Promise<Wave[]>;
  /** As `Batches.change`. */
  change(wave: Pick<Wave, 'batchId' | 'id'>, decide: (wave: Wave) => Partial<Wave> | undefined): Promise<Wave>;
}
export type CallPage = { after?: string; limit: number } & (
  | { waveId: string }
  | { state: 'waiting' | 'answered' | 'direct'; model?: string }
);
export interface CallMove {
  id: string;
  tries: number;
  standing: Exclude<Standing, { state: 'sent' }>;
}
