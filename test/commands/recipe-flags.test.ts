import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { App } from '../../functions/app/app.ts';
import { checkColumns, checkGroupColumn, requireColumns } from '../../functions/app/recipe-settings.ts';
import { type RecipeFlags, recipeFrom } from '../../functions/commands/recipe-flags.ts';
import { recipes } from '../../functions/recipes/index.ts';
import { prompt } from '../../functions/recipes/prompt.ts';
import { tempHome } from '../support/temp-home.ts';

const open = { app: { recipes } as App } as Parameters<typeof recipeFrom>[1];

async function chosen(flags: RecipeFlags, files: Record<string, string | Uint8Array> = {}, defaults = {}) {
  const cwd = await tempHome();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content);
  return recipeFrom({ cwd }, open, flags, defaults);
}

it.each<[RecipeFlags, string, Record<string, unknown>]>([
  [{}, 'fidelity', {}],
  [{ prompt: 'x' }, 'prompt', { prompt: 'x' }],
  [{ recipe: 'fidelity', prompt: 'a beach' }, 'fidelity', { prompt: 'a beach' }],
  [
    { prompt: 'x', outputType: 'image', threshold: 0.5 },
    'prompt',
    { prompt: 'x', outputType: 'image', threshold: 0.5 },
  ],
  [{ recipe: 'analyze' }, 'analyze', {}],
])('%j choose a recipe and its settings', async (flags, recipe, settings) => {
  expect(await chosen(flags)).toEqual({ recipe, recipeSettings: settings });
});

it('lets flags win over defaults, which may be for other recipes', async () => {
  const { recipeSettings } = await chosen({ prompt: 'x' }, {}, { threshold: 0.9, textModel: 't' });
  expect(recipeSettings).toEqual({ prompt: 'x', threshold: 0.9, textModel: 't' });
});

it('reads prompts and schemas in the encodings of Windows too', async () => {
  const files = { 'p.txt': Buffer.from('\ufeffGröße?\r\n', 'utf16le'), 's.json': '\ufeff{"type": "object"}' };
  const flags = { recipe: 'prompt', promptFile: 'p.txt', outputType: 'json', schema: 's.json' };
  const { recipeSettings } = await chosen(flags, files);
  expect(recipeSettings).toEqual({ prompt: 'Größe?', outputType: 'json', schema: { type: 'object' } });
});

it.each<[RecipeFlags, string]>([
  [{ recipe: 'prompt' }, 'prompt: this recipe needs one; give it with --prompt or --prompt-file'],
  [{ prompt: 'x', threshold: 0.5 }, 'The recipe prompt makes no use of --threshold here; leave it out.'],
  [{ prompt: 'x', schema: 'good.json' }, 'The recipe prompt makes no use of --schema here'],
  [{ recipe: 'analyze', outputType: 'json' }, 'makes no use of --output-type here'],
  [{ recipe: 'fidelity', outputType: 'json' }, 'makes no use of --output-type here'],
  [{ recipe: 'analyze', schema: 'bad.json' }, 'schema: this is no valid JSON Schema'],
  [{ recipe: 'analyze', schema: 'broken.json' }, 'The schema file broken.json is no JSON'],
  [{ recipe: 'analyze', schema: 'none.json' }, 'The schema file none.json cannot be read; check the path.'],
  [{ promptFile: 'binary.md' }, 'The prompt file binary.md holds no text; save it as UTF-8.'],
  [{ recipe: 'paint' }, 'There is no recipe "paint"; use one of: fidelity, prompt, analyze'],
])('%j is wrong usage, said in a sentence', async (flags, sentence) => {
  const files = {
    'good.json': '{}',
    'bad.json': '{"type": "objct"}',
    'broken.json': '{',
    'binary.md': Uint8Array.of(0, 1),
  };
  await expect(chosen(flags, files)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(sentence),
  });
});

it('knows columns that no item can have before anything is spent', () => {
  const settings = prompt.settings.parse({ prompt: 'Is {{name}} a {{title}}?' });
  expect(() => checkColumns(prompt, settings, [])).toThrow(/asks for \{\{title\}\}, but without a manifest/);
  expect(() => checkColumns(prompt, prompt.settings.parse({ prompt: '{{name}}' }), [])).not.toThrow();
  expect(() => requireColumns(prompt, settings, { name: 'mug.jpg', price: '5' })).toThrow(
    expect.objectContaining({ code: 'missing_column', message: expect.stringContaining('its columns: name, price') }),
  );
  expect(() => requireColumns(prompt, settings, { name: 'mug.jpg', title: '' })).not.toThrow();
});

it('knows columns by which nothing can be grouped', () => {
  expect(() => checkGroupColumn('post_id', [])).toThrow(/No item has the column "post_id"/);
  for (const column of [undefined, 'folder', 'sku']) expect(() => checkGroupColumn(column, ['sku'])).not.toThrow();
});
