import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Counts } from '../../functions/domain/batch.ts';

/** What a product worker measured. Times are in milliseconds, those of items since 1970. */
export interface ProductResult {
  /** From the start of the batch, planning and report included. */
  wallMs: number;
  peakMb: number;
  items: number;
  /** Items that passed. */
  done: number;
  firstClaimedAt: number;
  /** Ends of the items, in order. */
  settledAt: number[];
  /** Arrival of every recorded answer. */
  answeredAt: number[];
}

/** What a bare worker measured: from the first call to the last answer. */
export interface BareResult {
  wallMs: number;
  peakMb: number;
  done: number;
}

/** What a report worker measured. */
export interface ReportResult {
  wallMs: number;
  peakMb: number;
  report: string;
}

/** What a wave worker measured. */
export interface WaveResult {
  plannedMs: number;
  readMs: number;
  peakMb: number;
  answered: number;
  waves: number;
}

/** What a cloud worker measured. */
export interface CloudResult {
  /** From the start of the batch to its end, planning and report included. */
  wallMs: number;
  counts: Counts;
  calls: number;
  /** Reports that were made. */
  finalised: number;
  /** Requests that Firestore answered with ABORTED. */
  aborted: number;
  reads: number;
  writes: number;
}

export interface Server {
  url: string;
  counts(): Promise<{ calls: number; paid: number; rejected: number; peak: number }>;
  stop(): Promise<void>;
}

/** The local Gemini server, as a process of its own. */
export async function startServer(options: { latencyMs: number; maxConcurrent?: number }): Promise<Server> {
  const args = ['--latency', String(options.latencyMs)];
  if (options.maxConcurrent !== undefined) args.push('--max-concurrent', String(options.maxConcurrent));
  const child = startChild('../support/gemini-server.ts', args);
  const url = await firstLine(child);
  return {
    url,
    counts: async () => (await fetch(`${url}/counts`)).json() as ReturnType<Server['counts']>,
    stop: () => killed(child),
  };
}

/** Starts a worker of this folder. */
export function startChild(script: string, args: readonly string[], flags: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, [...flags, path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What a manifest worker measured. */
export interface ManifestResult {
  wallMs: number;
  peakMb: number;
  items: number;
}

/** Starts a product worker with the flags of Node that the first line of the command line gives to it. */
export function startProduct(args: readonly string[], script = 'product-worker.ts'): ChildProcess {
  const [line = ''] = readFileSync(new URL('../../functions/cli.ts', import.meta.url), 'utf8').split('\n', 1);
  const flags = line.split(' ').filter((word) => word.startsWith('--'));
  return startChild(script, args, flags);
}

export function runProduct(args: readonly string[]): Promise<ProductResult> {
  return resultOf<ProductResult>(startProduct(args));
}

export function planManifest(args: readonly string[]): Promise<ManifestResult> {
  return resultOf<ManifestResult>(startProduct(args, 'manifest-worker.ts'));
}

export function advanceWave(args: readonly string[]): Promise<WaveResult> {
  return resultOf<WaveResult>(startProduct(args, 'wave-worker.ts'));
}

/** As `runChild`, with the flags of Node of the command line. */
export function runProductWorker<Result>(script: string, args: readonly string[]): Promise<Result> {
  return resultOf<Result>(startProduct(args, script));
}

/** Runs a worker to its end and gives what it printed. */
export function runChild<Result>(script: string, args: readonly string[]): Promise<Result> {
  return resultOf<Result>(startChild(script, args));
}

async function resultOf<Result>(child: ChildProcess): Promise<Result> {
  const ended = once(child, 'exit');
  const line = await firstLine(child);
  const [code] = await ended;
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code}`);
  return JSON.parse(line) as Result;
}

/** Ends a worker as a power cut would. */
export async function killed(child: ChildProcess): Promise<void> {
  const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGKILL');
  await ended;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('a worker without output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('a worker ended without a result');
}
