import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js';

/** What these checks read of an OpenAPI document. */
export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
}
interface Operation {
  responses: Record<string, { content?: Record<string, { schema: { $ref?: string } }> }>;
}

/** Fails for an answer in JSON that is not as the document says. */
export function answerCheck(
  document: ApiDocument,
): (method: string, path: string, status: number, body: unknown) => void {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document as AnySchema, 'api');
  const templates = Object.keys(document.paths).map((template) => {
    const pattern = template.replaceAll(/\{path\}/g, '.+').replaceAll(/\{\w+\}/g, '[^/]+');
    return { template, pattern: new RegExp(`^${pattern}$`) };
  });
  return (method, path, status, body) => {
    const { pathname } = new URL(path, 'http://localhost');
    const found = templates.filter(({ pattern }) => pattern.test(pathname)).map(({ template }) => template);
    // Fixed names go before what varies.
    const [template] = found.toSorted((a, b) => a.split('{').length - b.split('{').length);
    const operation = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
    if (operation === undefined) {
      if (status < 400) throw new Error(`${method} ${pathname} is not described`);
      return;
    }
    const answer = operation.responses[status] ?? operation.responses.default;
    const schema = answer?.content?.['application/json']?.schema.$ref;
    if (schema === undefined)
      throw new Error(`${method} ${template} answers ${status} with JSON, which is not described`);
    if (!ajv.validate({ $ref: `api${schema}` }, body)) {
      throw new Error(`${method} ${template} answers ${status} otherwise than described: ${ajv.errorsText()}`);
    }
  };
}
