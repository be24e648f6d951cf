/**
 * Checks of requests. Bodies are taken as they are; the text of a query or a path is
 * turned into numbers. Whether unknown fields are refused is the schema's choice.
 */
import { Ajv } from "ajv"
import type { FastifySchemaCompiler } from "fastify"

const strict = new Ajv({ coerceTypes: false, useDefaults: true, allErrors: false, strict: false })
const coercing = new Ajv({ coerceTypes: true, useDefaults: true, allErrors: false, strict: false })

export const validators: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
    (httpPart === "body" ? strict : coercing).compile(schema)
