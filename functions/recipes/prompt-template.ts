import { readFileSync } from 'node:fs';

/** Text of `prompts/<name>.md`, read once when the recipe is loaded. */
export function promptText(name: string): string {
  return readFileSync(new URL(`prompts/${name}.md`, import.meta.url), 'utf8');
}

/**
 * A prompt file with `{{placeholders}}`. Values are put in once and never looked through for placeholders; a placeholder
 * without a value is a bug and throws. Data of users and models goes in through `quoted`.
 */
export function promptTemplate(name: string): (values: Readonly<Record<string, string>>) => string {
  const text = promptText(name);
  return (values) =>
    text.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
      const value = values[key];
      if (value === undefined) throw new Error(`Prompt ${name} has no value for {{${key}}}`);
      return value;
    });
}

/** Any value as JSON on one line, so that a model reads it as data and not as part of the instructions. */
export function quoted(value: unknown): string {
  return JSON.stringify(value);
}
