import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/**
 * The Chromium of this machine; undefined where there is none, and tests that need one skip. With
 * PROOFSHEET_REQUIRE_BROWSER=1 its absence is an error.
 */
export function chromiumPath(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
  if (found === undefined && process.env.PROOFSHEET_REQUIRE_BROWSER === '1') {
    throw new Error('There is no Chromium on the PATH; install the package chromium.');
  }
  return found;
}

export async function openBrowser(executablePath: string): Promise<Browser> {
  return await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
}
