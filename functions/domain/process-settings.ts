/** Files put into the watched bucket or folder. */
export interface DropSettings {
  /** A drop is complete when nothing has arrived for this long. */
  readonly quietMs: number;
  /** How long after the first file its batch.json is waited for. */
  readonly graceMs: number;
}

/** The HTTP API, deployed or on this machine. */
export interface ApiSettings {
  /** Asked for as a bearer token, where one is set. */
  readonly token?: string;
  /** Batches that may run at once; one more is refused. */
  readonly maxRunningBatches: number;
  /** How long a stream of changes lasts: less than what the server gives a request. */
  readonly streamMs: number;
}

/** The deployed functions. Names without a default are missing until the functions are asked to use them. */
export interface CloudSettings {
  readonly project?: string;
  readonly database: string;
  /** Where each kind of message is published. */
  readonly topics: { readonly process: string; readonly finalize: string; readonly control: string };
  readonly inboxBucket?: string;
  readonly outputBucket?: string;
  /** Checked pictures and answers, by content. */
  readonly workBucket?: string;
  /** Buckets whose objects may become items. */
  readonly allowedBuckets: readonly string[];
  /** What a push must prove, where these are set. */
  readonly push: { readonly audiences: readonly string[]; readonly serviceAccount?: string };
  /** The simulated model instead of Gemini. Never by default: a deployment without a key is a mistake. */
  readonly simulate: boolean;
  /** How long a worker that says nothing keeps its item, at least; longer than any one call. */
  readonly leaseMs: number;
  /** Items of a batch that are announced and not settled, at most: some times what is in work at once. */
  readonly window: number;
}
