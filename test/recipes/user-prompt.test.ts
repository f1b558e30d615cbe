import { describe, expect, it } from 'vitest';
import { columnsIn, filledPrompt } from '../../functions/recipes/user-prompt.ts';

describe('columns in a prompt', () => {
  it.each([
    ['Describe it.', []],
    ['Describe {{name}}, {{ title }} and {{name}}.', ['name', 'title']],
    ['{{Größe}} {{list price}} {{sku.no}} {{a-b}} {{2024}}', ['Größe', 'list price', 'sku.no', 'a-b', '2024']],
    ['\\{{name}} stays, {{title}} goes', ['title']],
    ['{{}} {{ }} {name} {{"a": 1}} {{#if x}} {{a|b}} {{a\nb}}', []],
    ['{{{name}}}', ['name']],
    [undefined, []],
  ])('%j: %j', (prompt, columns) => {
    expect(columnsIn(prompt)).toEqual(columns);
  });

  it('are filled once, and what is no column stays', () => {
    const values = { name: 'mug.jpg', title: '{{name}} $& $1' };
    expect(filledPrompt('Is {{ name }} a "{{title}}"? Write \\{{name}} as {{"json"}}.', values)).toBe(
      'Is mug.jpg a "{{name}} $& $1"? Write {{name}} as {{"json"}}.',
    );
  });
});
