import type { Groups } from './groups.ts';
import { itemRow, reasonOf } from './item-row.ts';
import type { ReportHead, TextReport } from './report-format.ts';

/**
 * `results.json`: the batch, then one entry per item: the members of an `items.jsonl` line and `file`, `processing_time`
 * (seconds) and `error`. One item per line, so that a big file can still be read with line tools. A grouped batch has its groups
 * after that, one per line too.
 */
export function jsonReport(head: ReportHead): TextReport {
  let first = true;
  return {
    head: () => {
      const text = JSON.stringify(documentHead(head), null, 2);
      return `${text.slice(0, text.lastIndexOf('\n'))},\n  "results": [`;
    },
    item: (entry) => {
      const row = itemRow(entry, head.batch.groupBy);
      const error = reasonOf(entry.item);
      const full = { file: row.name, ...row, processing_time: row.seconds, error: error === '' ? null : error };
      const separator = first ? '' : ',';
      first = false;
      return `${separator}\n    ${JSON.stringify(full)}`;
    },
    *tail() {
      yield `${first ? '' : '\n  '}]`;
      if (head.groups !== undefined) yield* groupsText(head.groups);
      yield '\n}\n';
    },
  };
}

function* groupsText({ column, size, all }: Groups): Generator<string> {
  yield `,\n  "group_by": ${JSON.stringify(column)},\n  "groups": [`;
  let separator = '';
  for (const group of all()) {
    yield `${separator}\n    ${JSON.stringify(group)}`;
    separator = ',';
  }
  yield size === 0 ? ']' : '\n  ]';
}

function documentHead({ batch, counts, run }: ReportHead) {
  return {
    batch_id: batch.id,
    created_at: new Date(batch.createdAt).toISOString(),
    parameters: {
      model: modelOf(batch.recipeSettings),
      directory: batch.inputs.length === 1 ? (batch.inputs[0] ?? null) : null,
      inputs: batch.inputs,
      selection: batch.selection,
      recipe: batch.recipe,
      recipe_version: batch.recipeVersion,
      ...batch.recipeSettings,
      run: batch.run,
    },
    summary: {
      total: counts.total,
      successful: counts.passed,
      failed: counts.failed + counts.error,
      cancelled: counts.cancelled,
      skipped: counts.skipped,
      processing_time: run.seconds,
    },
    batch: run,
  };
}

/** The model that makes the results; the others are among the settings. */
function modelOf({ outputType, textModel, imageModel }: ReportHead['batch']['recipeSettings']): unknown {
  return (outputType === undefined || outputType === 'image' ? (imageModel ?? textModel) : textModel) ?? null;
}
