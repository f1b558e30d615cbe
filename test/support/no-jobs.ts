import type { ModelJobs } from '../../functions/platform/wave-ports.ts';

const noJobs = () => Promise.reject(new Error('no job is made here'));
/** Jobs that these tests never make. */
export const NO_JOBS: ModelJobs = {
  ...{
    line: noJobs,
    upload: noJobs,
    create: noJobs,
    find: noJobs,
    get: noJobs,
    cancel: noJobs,
    results: noJobs,
    read: noJobs,
  },
};
