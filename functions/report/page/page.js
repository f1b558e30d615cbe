/** Brings the report to life. */
{
  const { rows, detailOf, createItems } = globalThis.proofsheet;
  const byId = new Map(rows.map((row) => [row.id, row]));
  const items = createItems({ rows, byId, viewing: { load: detailOf } });
  items.update();
  items.follow();
}
