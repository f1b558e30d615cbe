import { z } from 'zod';
import { errorDocument } from './http-documents.ts';
import type { Endpoint } from './http-endpoint.ts';

type Schema = Record<string, unknown>;
type Spec = Endpoint['spec'];

/** Where shared schemas stand in the document. */
const SCHEMAS = '#/components/schemas/';

/** The endpoints as an OpenAPI 3.1 document, made of the schemas that their requests are checked by. */
export function openApiDocument(
  endpoints: readonly Endpoint[],
  { version, token }: { version: string; token: boolean },
) {
  const named = namedSchemas(endpoints);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { spec } of endpoints) {
    const path = spec.path.replace('+}', '}');
    paths[path] = { ...paths[path], [spec.method]: operationOf(spec) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'proofsheet', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      schemas: named,
      ...(token && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
    security: token ? [{ token: [] }] : [],
  };
}

function namedSchemas(endpoints: readonly Endpoint[]): Record<string, Schema> {
  const registry = z.registry<{ id: string }>();
  registry.add(errorDocument, { id: 'Error' });
  for (const { spec } of endpoints) {
    if (spec.body) registry.add(spec.body, { id: bodyName(spec) });
    if (spec.answer.json) registry.add(spec.answer.json, { id: answerName(spec) });
  }
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => SCHEMAS + id });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, plain(schema)]));
}

function operationOf(spec: Spec): Schema {
  return {
    operationId: spec.id,
    summary: spec.summary,
    parameters: [...parametersOf(spec.params, 'path'), ...parametersOf(spec.query, 'query')],
    ...(spec.body && {
      requestBody: { content: { 'application/json': { schema: { $ref: SCHEMAS + bodyName(spec) } } } },
    }),
    responses: {
      [spec.answer.status]: answerOf(spec),
      ...Object.fromEntries(
        Object.entries(spec.others ?? {}).map(([status, text]) => [status, otherAnswer(status, text)]),
      ),
      default: otherAnswer('default', 'What is wrong, and what to do.'),
    },
  };
}

function answerOf(spec: Spec): Schema {
  const { json, media = [] } = spec.answer;
  const content = {
    ...(json && { 'application/json': { schema: { $ref: SCHEMAS + answerName(spec) } } }),
    ...Object.fromEntries(media.map((type) => [type.split(';')[0] ?? type, { schema: {} }])),
  };
  return { description: 'Done.', ...(Object.keys(content).length > 0 && { content }) };
}

function otherAnswer(status: string, description: string): Schema {
  if (/^[23]/.test(status)) return { description };
  return { description, content: { 'application/json': { schema: { $ref: `${SCHEMAS}Error` } } } };
}

function parametersOf(shape: Spec['params'], place: 'path' | 'query'): Schema[] {
  if (shape === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(shape, { io: 'input' });
  return Object.entries(properties).map(([name, schema]) => {
    const { description, ...rest } = plain(schema as Schema);
    return {
      ...{ name, in: place, required: place === 'path' || required.includes(name), schema: rest },
      ...(description !== undefined && { description }),
    };
  });
}

function bodyName({ id }: Spec): string {
  return `${capital(id)}Body`;
}

function answerName({ id }: Spec): string {
  return `${capital(id)}Answer`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Without what only a document of its own needs. */
function plain(schema: Schema): Schema {
  const { $schema: _, $id: __, ...rest } = schema;
  return rest;
}
