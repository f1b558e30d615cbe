import type { Settings } from '@google-cloud/firestore';

/**
 * For one try of a read or a query; the client makes five of them. Its own five minutes would outlast the delivery that waits.
 * Commits have a limit of their own, see `commitOnce`.
 */
const READ_MS = 20_000;
const READS = ['BatchGetDocuments', 'RunQuery', 'RunAggregationQuery'];

/** What the client library is opened with, so that an outage ends in a redelivery. */
export function firestoreSettings(settings: Settings): Settings {
  const methods = Object.fromEntries(READS.map((method) => [method, { timeout_millis: READ_MS }]));
  return { ...settings, clientConfig: { interfaces: { 'google.firestore.v1.Firestore': { methods } } } };
}
