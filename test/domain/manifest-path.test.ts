import { describe, expect, it } from 'vitest';
import { isBelow, isOpenBelow, resolveRowPath } from '../../functions/domain/manifest-path.ts';

const DISK = '/shop/data/catalog.csv';
const BUCKET = 'gs://shop/data/catalog.csv';

describe('the file that a row means', () => {
  it.each([
    [DISK, 'mug.jpg', '/shop/data/mug.jpg'],
    [DISK, './photos//mug.jpg', '/shop/data/photos/mug.jpg'],
    [DISK, '../photos/mug.jpg', '/shop/photos/mug.jpg'],
    [DISK, '../../../../mug.jpg', '/mug.jpg'],
    [DISK, '/other/./mug.jpg', '/other/mug.jpg'],
    [DISK, 'photos\\blue\\mug.jpg', '/shop/data/photos/blue/mug.jpg'],
    [DISK, 'a/b\\c.jpg', '/shop/data/a/b\\c.jpg'],
    [DISK, 'file:///photos/blue%20mug.jpg', '/photos/blue mug.jpg'],
    [DISK, 'gs://shop/mug.jpg', 'gs://shop/mug.jpg'],
    ['/catalog.csv', 'mug.jpg', '/mug.jpg'],
    [BUCKET, 'mug.jpg', 'gs://shop/data/mug.jpg'],
    [BUCKET, '../photos/mug.jpg', 'gs://shop/photos/mug.jpg'],
    [BUCKET, 'mug.jpg#1234567890123456', 'gs://shop/data/mug.jpg#1234567890123456'],
    ['gs://shop/catalog.csv', 'mug.jpg', 'gs://shop/mug.jpg'],
  ])('%s, %s: %s', (manifest, path, uri) => {
    expect(resolveRowPath(manifest, path)).toEqual({ uri });
  });

  it.each([
    [DISK, 'https://example.com/mug.jpg', /is an address, not a file/],
    [DISK, 'data:image/png;base64,AAAA', /is an address, not a file/],
    [DISK, 's3://bucket/mug.jpg', /is an address, not a file/],
    [DISK, 'file://%ff', /is an address, not a file/],
    [DISK, 'a\0.jpg', /zero byte/],
    [BUCKET, '/etc/passwd', /is one of a disk/],
    [BUCKET, 'file:///etc/passwd', /is one of a disk/],
    [BUCKET, '../../secret/mug.jpg', /leads out of the bucket/],
    [BUCKET, '../../shop2/mug.jpg', /leads out of the bucket/],
  ])('%s, %s: none', (manifest, path, problem) => {
    expect(resolveRowPath(manifest, path)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it.each([
    ['/photos/mug.jpg', ['/photos'], true],
    ['/photos', ['/photos'], true],
    ['/photos2/mug.jpg', ['/photos'], false],
    ['gs://shop/mug.jpg', ['/photos', 'gs://shop'], true],
    ['gs://shop2/mug.jpg', ['gs://shop'], false],
    ['/photos/mug.jpg', ['/'], true],
    ['/photos/mug.jpg', [], false],
  ])('%s is below one of %j: %s', (uri, places, expected) => {
    expect(isBelow(uri, places)).toBe(expected);
  });

  it.each([
    ['/photos/mug.jpg', ['/photos'], true],
    ['/home/.shop/mug.jpg', ['/home/.shop'], true],
    ['/photos/.env', ['/photos'], false],
    ['/photos/.git/config', ['/photos'], false],
    ['/photos/a/.b/c.txt', ['/photos', '/photos/a/.b'], true],
    ['gs://shop/.keys/a.txt', ['gs://shop'], false],
    ['/elsewhere/mug.jpg', ['/photos'], false],
  ])('%s lies openly below one of %j: %s', (uri, places, expected) => {
    expect(isOpenBelow(uri, places)).toBe(expected);
  });
});
