/** What the server refused, in its own words. */
export class Refusal extends Error {
  constructor(status, { code = 'internal', message = 'The server gave no reason.', problems = [], batch_id } = {}) {
    super(message);
    Object.assign(this, { status, code, problems, batchId: batch_id });
  }
}

/** Asks the API. Fails with a `Refusal`, or with one of status 0 where no server answers. */
export async function ask(path, { method = 'GET', body } = {}) {
  const answer = await fetch(path, {
    method,
    headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Refusal(0, { code: 'offline', message: 'The server does not answer.' });
  });
  // The session has ended: the same address now gives the page on which one signs in.
  if (answer.status === 401 && !path.startsWith('/api/session')) location.reload();
  if (answer.status === 204) return undefined;
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, said.error);
  return said;
}

/** All pages of a listing, one after the other. */
export async function* pagesOf(path, limit) {
  let cursor;
  do {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor && { cursor }) });
    const page = await ask(`${path}?${query}`);
    yield page;
    cursor = page.next_cursor;
  } while (cursor);
}
