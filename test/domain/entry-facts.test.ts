import { describe, expect, it } from 'vitest';
import type { SourceStatistics } from '../../functions/domain/embedding-statistics.ts';
import { statisticsDocument, statisticsTable } from '../../functions/domain/embedding-statistics.ts';
import { entryFacts, entryId } from '../../functions/domain/entry-facts.ts';

describe('what is known of a picture', () => {
  it('is its file where nothing else is said', () => {
    const item = { name: 'red mug.jpg', source: '/photos/red mug.jpg', metadata: {} };
    expect(entryFacts(item, 'references')).toEqual({
      ...{ title: 'red mug', price: null, currency: '', brand: '', categories: [], sku: '' },
      ...{ url: 'file:///photos/red%20mug.jpg', path: '/photos/red mug.jpg', source: 'references' },
    });
  });

  it('comes from the columns of a row, whatever their spelling', () => {
    const metadata = {
      'Product ID': 'V1',
      Title: ' Bag ',
      Price: '$1,299.50',
      CATEGORY: 'Bags, Leather',
      Brand: 'Acme',
    };
    const facts = entryFacts({ name: 'V1.jpg', source: 'gs://shop/bag.jpg', metadata }, 'scraped');
    expect(facts).toMatchObject({
      sku: 'V1',
      title: 'Bag',
      price: 1299.5,
      categories: ['Bags', 'Leather'],
      brand: 'Acme',
    });
    expect(facts.url).toBe('gs://shop/bag.jpg');
  });

  it.each([
    ['19.99', 19.99],
    ['1.299,00 €', 1299],
    ['12', 12],
    ['1,299', 1299],
    ['on request', null],
    ['', null],
  ])('reads the price %s', (price, value) => {
    expect(entryFacts({ name: 'a', source: '/a', metadata: { price } }, 'scraped').price).toBe(value);
  });

  it('makes the same entry of a file that was moved, and two of two products with the same picture', () => {
    const idOf = (source: string, metadata: Record<string, string> = {}) =>
      entryId({ contentHash: 'c', facts: entryFacts({ name: 'n', source, metadata }, 'scraped') });
    expect(idOf('/a/1.jpg')).toBe(idOf('/b/2.jpg'));
    expect(idOf('/a/1.jpg', { id: '1', price: '5' })).toBe(idOf('/b/2.jpg', { id: '1', price: '6' }));
    expect(idOf('/a/1.jpg', { id: '1' })).not.toBe(idOf('/a/1.jpg', { id: '2' }));
  });
});

it('Statistics are the table that people know, and the same as JSON', () => {
  const references: SourceStatistics = {
    ...{ source: 'references', total_items: 150, processed_items: 145, skipped_items: 5, failed_items: 0 },
    ...{ failed_ids: [], duration_seconds: 23.45 },
  };
  const scraped: SourceStatistics = {
    ...{ source: 'scraped', total_items: 523, processed_items: 498, skipped_items: 20, failed_items: 5 },
    ...{ failed_ids: ['vinted_12345', 'vinted_67890', 'a', 'b', 'c'], duration_seconds: 78.92 },
  };
  expect(statisticsTable([references, scraped]).join('\n')).toBe(`${'='.repeat(80)}
EMBEDDING PIPELINE RESULTS
${'='.repeat(80)}

REFERENCES:
  Total items:      150
  Processed:        145
  Skipped:          5
  Failed:           0
  Duration:         23.45s

SCRAPED:
  Total items:      523
  Processed:        498
  Skipped:          20
  Failed:           5
  Duration:         78.92s
  Failed IDs:       vinted_12345, vinted_67890, ... and 3 more

TOTAL:
  Processed:        643
  Failed:           5
  Total Duration:   102.37s
${'='.repeat(80)}`);
  const total = { processed_items: 643, failed_items: 5, duration_seconds: 102.37 };
  expect(statisticsDocument([references, scraped])).toEqual({ references, scraped, total });
});
