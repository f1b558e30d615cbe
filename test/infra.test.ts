import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getFunction } from '@google-cloud/functions-framework/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { DEFAULT_LIMITS } from '../functions/app/app.ts';
import { messageSchema } from '../functions/domain/message.ts';
import '../functions/index.ts';
import {
  type Body,
  INFRA,
  nested,
  readTerraform,
  type TerraformBlock,
  type TerraformFiles,
  terraformFiles,
  textsIn,
} from './support/terraform.ts';

const ROOT = join(INFRA, '..');

/** Every right that may be given, by the block that gives it. Whoever adds one says here that it is meant. */
const RIGHTS: Record<string, string[]> = {
  'google_artifact_registry_repository_iam_member.build': ['roles/artifactregistry.writer'],
  'google_cloud_run_v2_service_iam_member.invoker': ['roles/run.invoker'],
  'google_cloud_run_v2_service_iam_member.push': ['roles/run.invoker'],
  'google_cloud_run_v2_service_iam_member.trigger': ['roles/run.invoker'],
  'google_project_iam_member.build_logs': ['roles/logging.logWriter'],
  'google_project_iam_member.build_sources': ['roles/storage.objectViewer'],
  'google_project_iam_member.database': ['roles/datastore.user'],
  'google_project_iam_member.models': ['roles/aiplatform.user'],
  'google_project_iam_member.storage_events': ['roles/pubsub.publisher'],
  'google_project_iam_member.trigger': ['roles/eventarc.eventReceiver'],
  'google_pubsub_subscription_iam_member.dead_letters': ['roles/pubsub.subscriber'],
  'google_pubsub_topic_iam_member.dead_letters': ['roles/pubsub.publisher'],
  'google_pubsub_topic_iam_member.function': ['roles/pubsub.publisher'],
  'google_secret_manager_secret_iam_member.function': ['roles/secretmanager.secretAccessor'],
  'google_service_account_iam_member.push': ['roles/iam.serviceAccountOpenIdTokenCreator'],
  'google_storage_bucket_iam_member.function': ['roles of local.access'],
  'google_storage_bucket_iam_member.sources': ['roles/storage.objectViewer'],
};

/** What each function may do with each bucket, where it may publish, and whether it may ask models. */
const ACCESS = {
  bucket: {
    buckets: { inbox: ['objectViewer'], work: ['objectViewer', 'objectCreator'] },
    topics: ['control'],
    asks_models: false,
  },
  api: {
    buckets: { inbox: ['objectViewer'], output: ['objectUser'] },
    topics: ['process', 'finalize', 'control'],
    asks_models: false,
  },
  process: {
    buckets: { inbox: ['objectViewer'], output: ['objectUser'], work: ['objectUser'] },
    topics: ['process', 'finalize'],
    asks_models: true,
  },
  finalize: {
    buckets: { output: ['objectUser'], work: ['objectViewer', 'objectCreator'] },
    topics: ['process', 'finalize'],
    asks_models: false,
  },
  control: {
    buckets: { inbox: ['objectViewer'], output: ['objectUser'], work: ['objectUser'] },
    topics: ['process', 'finalize', 'control'],
    asks_models: true,
  },
};

/** Without these a function would fail, or work with somebody else's bucket or topic. */
const NEEDED_BY_ALL = [
  'GOOGLE_CLOUD_PROJECT',
  'FIRESTORE_DATABASE',
  'PROCESS_TOPIC',
  'FINALIZE_TOPIC',
  'CONTROL_TOPIC',
  'OUTPUT_BUCKET',
  'WORK_BUCKET',
];
const NEEDED: Record<string, string[]> = {
  bucket: ['INBOX_BUCKET'],
  api: ['INBOX_BUCKET', 'ALLOWED_BUCKETS'],
  process: ['PUSH_AUDIENCE', 'PUSH_SERVICE_ACCOUNT'],
  finalize: ['PUSH_AUDIENCE', 'PUSH_SERVICE_ACCOUNT'],
  control: ['INBOX_BUCKET', 'PUSH_AUDIENCE', 'PUSH_SERVICE_ACCOUNT'],
};

let infra: TerraformFiles;
let functions: Record<string, Body>;
beforeAll(async () => {
  infra = await readTerraform();
  functions = infra.locals.functions as Record<string, Body>;
});

describe('the functions', () => {
  it('are entry points of functions/index.ts', () => {
    const asked = Object.values(infra.locals.topics as Record<string, Body>).map((topic) => String(topic.function));
    for (const name of [...asked, 'api']) {
      expect(functions).toHaveProperty(name);
      expect(getFunction(name), name).toBeDefined();
    }
  });

  it('start from a file that the build accepts and the upload holds', () => {
    const { main, dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(main).toBe('functions/index.ts');
    expect(dependencies).toHaveProperty('@google-cloud/functions-framework');
    const checked = spawnSync(process.execPath, ['--check', join(ROOT, main)], { encoding: 'utf8' });
    expect(checked.stderr).toBe('');
    const { for_each: files } = nested(dynamic('archive_file', 'source'), 'source');
    expect([...String(files).matchAll(/"([^"]*)"/g)].map(([, text]) => text)).toEqual([
      'package.json',
      'package-lock.json',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Terraform's.
      '${path.module}/../functions',
      '**',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Terraform's.
      'functions/${path}',
    ]);
  });

  it('are told only what functions/settings.ts reads, and all that they need', () => {
    // Beside what the settings read, what Node and the framework read.
    const read = namesInSettings().add('NODE_COMPILE_CACHE').add('NODE_ENV');
    const common = Object.keys(infra.locals.environment as Body);
    for (const [name, { environment, secrets }] of Object.entries(functions)) {
      const told = [...common, ...Object.keys(environment as Body), ...Object.keys(secrets as Body)];
      expect(told.filter((variable) => !read.has(variable), name)).toEqual([]);
      expect(told).toEqual(expect.arrayContaining([...NEEDED_BY_ALL, ...(NEEDED[name] ?? [])]));
      expect(told).toHaveLength(new Set(told).size);
    }
  });

  it('cost nothing while idle, and take several requests only with a whole processor', () => {
    const service = nested(resource('google_cloudfunctions2_function', 'this').body, 'service_config');
    expect(service).toMatchObject({ min_instance_count: 0, available_cpu: '1' });
  });

  it('end before their message or event is delivered again', () => {
    const pushed = Object.values(infra.locals.topics as Record<string, Body>).map((topic) => String(topic.function));
    for (const name of pushed) expect(functions[name]?.timeout).toBeLessThan(infra.locals.ack_deadline as number);
    // And after the calls that it allows itself, with time to record their answers.
    expect(functions.process?.timeout).toBeGreaterThanOrEqual(DEFAULT_LIMITS.callsMs / 1000 + 30);
    // The longest that a function may take for an event.
    expect(functions.bucket?.timeout).toBeLessThanOrEqual(540);
    expect(functions.api?.timeout).toBeLessThanOrEqual(3600);
  });

  it('are asked from outside only where people ask', () => {
    expect(Object.keys(functions).filter((name) => functions[name]?.ingress !== 'ALLOW_INTERNAL_ONLY')).toEqual([
      'api',
    ]);
  });

  it('get failed events again', () => {
    const trigger = nested(dynamic('google_cloudfunctions2_function', 'this'), 'event_trigger');
    expect(nested(trigger, 'content')).toMatchObject({
      event_type: 'google.cloud.storage.object.v1.finalized',
      retry_policy: 'RETRY_POLICY_RETRY',
    });
  });
});

describe('the rights', () => {
  it('are those of the list', () => {
    const given = Object.fromEntries(
      infra.resources.filter(({ type }) => type.includes('_iam_')).map((block) => [addressOf(block), roleOf(block)]),
    );
    expect(given).toEqual(RIGHTS);
  });

  it('are those of the list for each function', () => {
    const given = Object.entries(infra.locals.access as Record<string, Body>).map(([name, { buckets, ...rest }]) => [
      name,
      { buckets: mapValues(buckets as Record<string, string[]>, (roles) => roles.map(withoutPrefix)), ...rest },
    ]);
    expect(Object.fromEntries(given)).toEqual(ACCESS);
    expect(Object.keys(functions).toSorted()).toEqual(Object.keys(ACCESS).toSorted());
  });

  it('are never those of an owner, nor for everybody', () => {
    const text = terraformFiles()
      .filter((file) => file !== 'variables.tf')
      .map((file) => readFileSync(join(INFRA, file), 'utf8'))
      .join('\n');
    const forbidden =
      /roles\/(editor|owner|viewer|storage\.(admin|objectAdmin)|datastore\.owner|pubsub\.(admin|editor)|iam\.serviceAccountTokenCreator)|allUsers|allAuthenticatedUsers/g;
    expect(text.match(forbidden)).toBeNull();
  });

  it('are added to what others have, never put in its place', () => {
    expect(infra.resources.filter(({ type }) => /_iam_(policy|binding)$/.test(type))).toEqual([]);
  });

  it('cannot be given to everybody by a variable', () => {
    const pattern = /regex\("([^"]+)"/.exec(conditionOf('invokers'))?.[1] ?? '';
    expect('user:ada@example.com').toMatch(new RegExp(pattern));
    expect('allUsers').not.toMatch(new RegExp(pattern));
    expect('allAuthenticatedUsers').not.toMatch(new RegExp(pattern));
  });
});

describe('the messages', () => {
  it('come again with growing pauses, for a week, and are never dropped for want of use', () => {
    for (const subscription of [work(), dead()]) {
      expect(nested(subscription, 'retry_policy')).toEqual({ minimum_backoff: '10s', maximum_backoff: '600s' });
      expect(nested(subscription, 'expiration_policy')).toEqual({ ttl: '' });
      expect(subscription).not.toHaveProperty('enable_exactly_once_delivery');
    }
    expect(infra.locals.ack_deadline).toBe(600);
    expect(infra.locals.retention).toMatchObject({ work: '604800s' });
  });

  it('are given up after the hundredth try, to where somebody settles their items', () => {
    expect(nested(work(), 'dead_letter_policy')).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Terraform's.
      dead_letter_topic: '${google_pubsub_topic.this["dead"].id}',
      max_delivery_attempts: 100,
    });
    expect(infra.locals.topics).toMatchObject({ dead: { function: 'control' } });
    const [, path] = /DEAD_LETTERS_PATH = '([^']+)'/.exec(source('functions/index.ts')) ?? [];
    expect(path).toBeDefined();
    expect(String(nested(dead(), 'push_config').push_endpoint)).toMatch(new RegExp(`${path}$`));
  });

  it('have topics with the names that the functions are told', () => {
    const topics = Object.keys(infra.locals.topics as Body).filter((name) => name !== 'dead');
    expect(topics.map((name) => `${name.toUpperCase()}_TOPIC`)).toEqual(
      Object.keys(infra.locals.environment as Body).filter((name) => name.endsWith('_TOPIC')),
    );
    expect(Object.keys(infra.locals.access as Body)).toEqual(expect.arrayContaining(topics));
  });

  it('are pushed with a proof of who pushes', () => {
    for (const subscription of [work(), dead()]) {
      const proof = nested(nested(subscription, 'push_config'), 'oidc_token');
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Terraform's.
      expect(proof.service_account_email).toBe('${google_service_account.push.email}');
      expect(proof.audience).toContain('local.urls[');
    }
  });

  it('include one each minute that the functions understand', () => {
    const job = resource('google_cloud_scheduler_job', 'tick').body;
    expect(job.schedule).toBe('* * * * *');
    expect(nested(job, 'pubsub_target').data).toContain('local.tick');
    expect(messageSchema.parse(infra.locals.tick)).toEqual(infra.locals.tick);
  });
});

describe('the buckets', () => {
  it('are closed to the public and have no rights of single objects', () => {
    for (const { body } of infra.resources.filter(({ type }) => type === 'google_storage_bucket')) {
      expect(body).toMatchObject({ uniform_bucket_level_access: true, public_access_prevention: 'enforced' });
    }
  });

  it('must be two: results never start work', () => {
    expect(conditionOf('output_bucket')).toMatch(/output_bucket[\s\S]*!=[\s\S]*inbox_bucket/);
  });
});

describe('Firestore', () => {
  it('has the indexes of the one list, each once', () => {
    expect(infra.locals.firestore).toContain('firestore.indexes.json');
    const { indexes, fieldOverrides } = JSON.parse(readFileSync(join(INFRA, 'firestore.indexes.json'), 'utf8'));
    const names = [
      ...indexes.map((index: { collectionGroup: string; fields: { fieldPath: string }[] }) =>
        [index.collectionGroup, ...index.fields.map((field) => field.fieldPath)].join(' '),
      ),
      ...fieldOverrides.map((field: Record<string, string>) => `${field.collectionGroup} ${field.fieldPath}`),
    ];
    expect(names).toHaveLength(new Set(names).size);
  });

  it('lets nobody write', () => {
    const rules = readFileSync(join(INFRA, 'firestore.rules'), 'utf8');
    const allowed = [...rules.matchAll(/allow\s+([\w, ]+):\s*if\s+([^;]+);/g)].map(([, what, when]) => [what, when]);
    expect(allowed).toEqual(Array.from({ length: 3 }, () => ['read', 'isSignedIn()']));
    expect(rules.match(/\ballow\b/g)).toHaveLength(allowed.length);
  });
});

describe('the alerts', () => {
  it('look for messages that the functions log, and for fields that are logged beside them', () => {
    const filters = infra.resources
      .filter(({ type }) => type === 'google_logging_metric')
      .map(({ body }) => [...String(body.filter).matchAll(/jsonPayload\.(\w+)(?:=\\?"([^"\\]+))?/g)])
      .filter((terms) => terms.length > 0);
    expect(filters.length).toBeGreaterThan(0);
    const code = sources();
    for (const terms of filters) {
      const message = terms.find(([, field]) => field === 'message')?.[2];
      const at = code.indexOf(`'${message}'`);
      expect(at, message).toBeGreaterThan(0);
      const before = code.slice(Math.max(0, at - 200), at);
      const fields = terms.flatMap(([, field]) => (field === undefined || field === 'message' ? [] : [field]));
      expect(fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(before))).toEqual([]);
    }
  });
});

describe('the files', () => {
  it('name the exact version of each provider', () => {
    const providers = Object.values(nested(infra.settings, 'required_providers')) as Body[];
    expect(providers.length).toBeGreaterThan(0);
    for (const { version } of providers) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('name only what there is', () => {
    const declared = new Set([
      ...Object.keys(infra.variables).map((name) => `var.${name}`),
      ...Object.keys(infra.locals).map((name) => `local.${name}`),
      ...infra.resources.map(addressOf),
      ...infra.data.map((block) => `data.${addressOf(block)}`),
    ]);
    const bodies = [infra.locals, infra.variables, infra.outputs, infra.settings];
    const blocks = [...infra.resources, ...infra.data].map(({ body }) => body);
    const expressions = [...bodies, ...blocks].flatMap(textsIn).filter((text) => text.includes('${'));
    const named = expressions.flatMap((text) => [
      ...text.matchAll(/(?<![\w.])(?:var\.\w+|local\.\w+|data\.\w+\.\w+|google_\w+\.\w+)/g),
    ]);
    expect(named.length).toBeGreaterThan(100);
    expect(named.map(String).filter((name) => !declared.has(name))).toEqual([]);
  });

  it('have the outputs that infra/README.md asks for', () => {
    const asked = [...source('infra/README.md').matchAll(/output -raw (\w+)/g)].map(([, name]) => name);
    expect(asked.length).toBeGreaterThan(0);
    expect(Object.keys(infra.outputs)).toEqual(expect.arrayContaining(asked));
  });

  it('say what each variable is', () => {
    for (const variable of Object.values(infra.variables)) {
      expect(variable.description).toMatch(/\.$/);
      expect(variable.type).toBeDefined();
    }
  });

  it('are formatted as Terraform does', (context) => {
    if (spawnSync('terraform', ['version']).error) context.skip('terraform is not installed');
    expect(execFileSync('terraform', ['fmt', '-check', '-diff', INFRA], { encoding: 'utf8' })).toBe('');
  });

  it('are applied only after the tests', () => {
    const { steps } = parseYaml(readFileSync(join(ROOT, 'cloudbuild.yaml'), 'utf8'));
    const commands = steps.map((step: { entrypoint?: string; args: string[] }) =>
      [step.entrypoint, ...step.args.filter((argument) => !argument.startsWith('-'))].join(' ').trim(),
    );
    expect(commands).toEqual(['npm ci', 'npm test', 'init', 'apply']);
    expect(new Set(steps.slice(2).map((step: { name: string }) => step.name)).size).toBe(1);
  });
});

function resource(type: string, name: string): TerraformBlock {
  const found = [...infra.resources, ...infra.data].find((block) => block.type === type && block.name === name);
  if (found === undefined) throw new Error(`There is no ${type}.${name}.`);
  return found;
}

function dynamic(type: string, name: string): Body {
  return resource(type, name).body.dynamic as Body;
}

function work(): Body {
  return resource('google_pubsub_subscription', 'work').body;
}

function dead(): Body {
  return resource('google_pubsub_subscription', 'dead').body;
}

/** What a value of a variable must fulfil. */
function conditionOf(variable: string): string {
  return String(nested(infra.variables[variable] ?? {}, 'validation').condition);
}

function addressOf({ type, name }: TerraformBlock): string {
  return `${type}.${name}`;
}

function roleOf({ body: { role } }: TerraformBlock): string[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Terraform's.
  return role === '${each.value.role}' ? ['roles of local.access'] : [String(role)];
}

function withoutPrefix(role: string): string {
  return role.replace(/^roles\/storage\./, '');
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

function namesInSettings(): Set<string | undefined> {
  const text = source('functions/settings.ts');
  return new Set(
    [...text.matchAll(/\benv\.([A-Z][A-Z_]+)|\(env, '([A-Z_]+)'/g)].map(([, read, asked]) => read ?? asked),
  );
}

function source(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function sources(): string {
  const files = readdirSync(join(ROOT, 'functions'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => source(`functions/${file}`))
    .join('\n');
}
