/** Brings the report to life. */
{
  const { rows, detailOf, createItems, createCharts } = globalThis.proofsheet;
  const { threshold, startedAt } = document.body.dataset;
  const charts = createCharts({
    ...{ threshold: threshold === '' ? undefined : Number(threshold), startedAt: Number(startedAt) },
    isJudged: !document.body.classList.contains('unjudged'),
  });
  document.getElementById('charts').prepend(...charts.nodes);
  charts.draw(rows);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const items = createItems({ rows, byId, viewing: { load: detailOf } });
  items.update();
  items.follow();
}
