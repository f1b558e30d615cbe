import type { EntryFacts } from './embedding.ts';

/** What became of one source's items; the words are promised to scripts. */
export interface SourceStatistics {
  source: EntryFacts['source'];
  /** Found. */
  total_items: number;
  /** Embedded and stored. */
  processed_items: number;
  /** In the vector store already. */
  skipped_items: number;
  failed_items: number;
  failed_ids: string[];
  duration_seconds: number;
}

export interface StatisticsDocument {
  references?: SourceStatistics;
  scraped?: SourceStatistics;
  total: { processed_items: number; failed_items: number; duration_seconds: number };
}

const LINE = '='.repeat(80);
const LABEL_WIDTH = 18;
/** Failed ids that are named. */
const NAMED = 2;

export function statisticsDocument(all: readonly SourceStatistics[]): StatisticsDocument {
  const sum = (numberOf: (one: SourceStatistics) => number) => all.reduce((total, one) => total + numberOf(one), 0);
  return {
    ...Object.fromEntries(all.map((one) => [one.source, one])),
    total: {
      processed_items: sum((one) => one.processed_items),
      failed_items: sum((one) => one.failed_items),
      duration_seconds: Math.round(sum((one) => one.duration_seconds) * 100) / 100,
    },
  };
}

/** The table as people know it. */
export function statisticsTable(all: readonly SourceStatistics[]): string[] {
  const { total } = statisticsDocument(all);
  return [
    ...[LINE, 'EMBEDDING PIPELINE RESULTS', LINE],
    ...all.flatMap((one) => ['', ...sourceLines(one)]),
    ...['', 'TOTAL:'],
    line('Processed', total.processed_items),
    line('Failed', total.failed_items),
    line('Total Duration', seconds(total.duration_seconds)),
    LINE,
  ];
}

function sourceLines(one: SourceStatistics): string[] {
  return [
    `${one.source.toUpperCase()}:`,
    line('Total items', one.total_items),
    line('Processed', one.processed_items),
    line('Skipped', one.skipped_items),
    line('Failed', one.failed_items),
    line('Duration', seconds(one.duration_seconds)),
    ...(one.failed_ids.length > 0 ? [line('Failed IDs', someOf(one.failed_ids))] : []),
  ];
}

function line(label: string, value: number | string): string {
  return `  ${`${label}:`.padEnd(LABEL_WIDTH)}${value}`;
}

function seconds(value: number): string {
  return `${value.toFixed(2)}s`;
}

function someOf(ids: readonly string[]): string {
  const more = ids.length - NAMED;
  return more > 0 ? `${ids.slice(0, NAMED).join(', ')}, ... and ${more} more` : ids.join(', ');
}
