import { z } from 'zod';

/** A column in double braces: letters, digits, `_`, and inside also blanks, dots and dashes. A backslash in front keeps it as it is. */
const VARIABLE = /(\\?)\{\{\s*([\p{L}\p{N}_]+(?:[ .-]+[\p{L}\p{N}_]+)*)\s*\}\}/gu;

/** Another wording of the user's prompt, found by trying; what an answer is judged by stays the prompt itself. */
export const revisedPrompt = z.string().min(1).max(20_000).optional();

/** The columns that a user's prompt asks for, each once. */
export function columnsIn(prompt: string | undefined): string[] {
  const found = [...(prompt ?? '').matchAll(VARIABLE)];
  return [
    ...new Set(found.flatMap(([, backslash, column]) => (backslash === '' && column !== undefined ? [column] : []))),
  ];
}

/** The prompt with the values of an item. They are put in once and never looked through for columns. */
export function filledPrompt(prompt: string, columns: Readonly<Record<string, string>>): string {
  return prompt.replace(VARIABLE, (whole, backslash: string, column: string) => {
    if (backslash !== '') return whole.slice(1);
    const value = columns[column];
    if (value === undefined) throw new Error(`The item came without the column ${column}.`);
    return value;
  });
}
