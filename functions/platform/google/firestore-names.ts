import type { Firestore, WriteBatch } from '@google-cloud/firestore';
import { distinctName } from '../../domain/safe-name.ts';
import type { NewItem } from '../ports.ts';
import { readAll } from './firestore-commit.ts';
import { nameRef } from './firestore-layout.ts';

/** Digits of the id that each further try adds to a name. */
const DIGITS = 6;

/** Names for the items of one commit. */
export interface Names {
  /** The wished name, or one made distinct by the item's id, by as much of it as it takes. */
  take(write: WriteBatch, input: NewItem): Promise<string>;
}

/** Looks all wished names up at once, and the first substitutes of those that are taken or wished twice. */
export async function namesFor(db: Firestore, batchId: string, inputs: readonly NewItem[]): Promise<Names> {
  const pathOf = (name: string) => nameRef(db, batchId, name).path;
  const taken = new Map<string, boolean>();
  const look = async (names: readonly string[]) => {
    const unknown = new Map(names.map((name) => [pathOf(name), nameRef(db, batchId, name)]));
    for (const path of taken.keys()) unknown.delete(path);
    for (const found of await readAll(db, [...unknown.values()])) taken.set(found.ref.path, found.exists);
  };
  await look(inputs.map((input) => input.name));
  const wishes = Map.groupBy(inputs, (input) => pathOf(input.name));
  const contested = [...wishes].flatMap(([path, wishers]) => (taken.get(path) || wishers.length > 1 ? wishers : []));
  await look(contested.map((input) => distinctName(input.name, input.id)));
  return {
    async take(write, input) {
      let name = input.name;
      for (let used = 0; used < input.id.length; used += DIGITS) {
        await look([name]);
        if (!taken.get(pathOf(name))) break;
        name = distinctName(name, input.id.slice(used));
      }
      taken.set(pathOf(name), true);
      write.create(nameRef(db, batchId, name), { itemId: input.id });
      return name;
    },
  };
}
