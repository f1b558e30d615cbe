import { type Item, isTerminal } from './batch.ts';
import { ProofsheetError } from './errors.ts';

/** The item, if it is one of which a person can say something: one that has ended. */
export function reviewable(item: Item | undefined, batchId: string, itemId: string): Item {
  if (item === undefined) {
    throw new ProofsheetError('not_found', `There is no item ${itemId} in batch ${batchId}; see \`proofsheet show\`.`);
  }
  if (isTerminal(item.state)) return item;
  const message = `Item ${item.name} of batch ${batchId} is ${item.state}; review it when it has ended.`;
  throw new ProofsheetError('wrong_state', message, { disposition: 'conflict' });
}
