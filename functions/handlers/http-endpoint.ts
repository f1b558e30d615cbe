import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { readBody, readParams, readQuery } from './http-request.ts';

/** What an endpoint takes and gives. The schemas that are described are those that requests are checked by. */
export interface EndpointSpec<Params, Query, Body, Answer> {
  method: 'get' | 'post' | 'delete';
  /** As OpenAPI writes it: what varies stands in braces. */
  path: string;
  /** Name of the operation for generated clients. */
  id: string;
  summary: string;
  params?: z.ZodType<Params>;
  query?: z.ZodType<Query>;
  body?: z.ZodType<Body>;
  /** What a good answer is; a schema for JSON, or media types. */
  answer: { status: 200 | 202 | 204; json?: z.ZodType<unknown, Answer>; media?: readonly string[] };
  /** Other answers that are part of its meaning: status and sentence. */
  others?: Readonly<Record<number, string>>;
}

interface Asked<Params, Query, Body> {
  context: Context;
  params: Params;
  query: Query;
  body: Body;
}

/** A route with its description. */
export interface Endpoint {
  spec: EndpointSpec<unknown, unknown, unknown, unknown>;
  handle(context: Context): Promise<Response>;
}

/** An endpoint whose work gets what was asked in its shapes and gives the JSON of the answer, or a response of its own. */
export function endpoint<Answer, Params = unknown, Query = unknown, Body = unknown>(
  spec: EndpointSpec<Params, Query, Body, Answer>,
  work: (asked: Asked<Params, Query, Body>) => Promise<Answer | Response> | Answer | Response,
): Endpoint {
  const { params, query, body, answer } = spec;
  return {
    spec: spec as Endpoint['spec'],
    async handle(context) {
      const given = await work({
        context,
        params: readParams(context, params ?? (z.unknown() as z.ZodType<Params>)),
        query: readQuery(context, query ?? (z.unknown() as z.ZodType<Query>)),
        body: await readBody(context, body ?? (z.unknown() as z.ZodType<Body>)),
      });
      return given instanceof Response ? given : context.json(given as object, answer.status as 200);
    },
  };
}

export function mount(api: Hono, endpoints: readonly Endpoint[]): void {
  for (const { spec, handle } of endpoints) {
    api.on(spec.method.toUpperCase(), spec.path.replaceAll(/\{(\w+)(\+?)\}/g, routeParameter), handle);
  }
}

/** A `+` takes in the rest of the path. */
function routeParameter(_: string, name: string, rest: string): string {
  return rest === '+' ? `:${name}{.+}` : `:${name}`;
}
