import { type InputRoot, inputRoot } from '../domain/input-root.ts';
import type { App } from './app.ts';

/** An input as a place to list: itself, or the fixed part of a glob and the pattern below it. Fails with `file_missing`. */
export async function resolveInput(app: Pick<App, 'files'>, input: string): Promise<InputRoot> {
  try {
    await app.files.list(input, { recursive: false, limit: 1 });
    return { root: input };
  } catch (thrown) {
    const root = inputRoot(input);
    if (root.pattern === undefined) throw thrown;
    await app.files.list(root.root, { recursive: false, limit: 1 });
    return root;
  }
}
