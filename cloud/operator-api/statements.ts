/** The signer's statements: uploaded here, given to boards with their polls, judged by the boards alone. */
import { Type } from "@sinclair/typebox"
import { ManifestError } from "../../toolchain/format/manifest.ts"
import type { SignedStatement } from "../../toolchain/format/statement.ts"
import { parseStatementFile } from "../../toolchain/format/statement.ts"
import { newId } from "../ids.ts"
import { Problem } from "../problems.ts"
import type { StatementRow } from "../store/schema.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { iso } from "./schemas.ts"
import type { StatementDocument } from "./server-documents.ts"

const STATEMENT_MAX_BYTES = 8 * 1024

export async function statementRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, blobs, now } = context

    const add = route(context, "publish", "releases", "Upload a statement of the signer (.hos): a revoked key, or what is newest")
    app.post("/statements", {
        onRequest: add.onRequest,
        bodyLimit: STATEMENT_MAX_BYTES,
        schema: { ...add.doc, consumes: ["application/octet-stream"] },
        handler: async (request, reply) => {
            if (!Buffer.isBuffer(request.body)) throw new Problem("HOV_API_MEDIA_TYPE", "send the file as application/octet-stream")
            const { statement, statementBytes, signature } = read(request.body)
            const nowMs = now()
            const row: StatementRow = {
                id: newId("s", nowMs),
                kind: statement.kind,
                subject: statement.kind === "revoke" ? statement.keyDigest : statement.baseId,
                issuedAtUnixS: statement.kind === "revoke" ? 0 : statement.issuedAtUnixS,
                manifest: Buffer.from(statementBytes).toString("hex"),
                signatureDigest: await blobs.put(signature),
                signatureSizeBytes: signature.length,
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            const added = await store.write(async repos => {
                if (!(await repos.statements.insert(row))) return false
                await audit(repos, request.principal, nowMs, "statement.add", row.subject, { kind: row.kind })
                repos.events.note("statement.added", null, nowMs, { kind: row.kind, subject: row.subject })
                return true
            })
            reply.code(added ? 201 : 200)
            return document(row)
        },
    })

    const list = route(context, "read", "releases", "List the signer's statements")
    app.get("/statements", {
        onRequest: list.onRequest,
        schema: { ...list.doc, querystring: Type.Object({}, { additionalProperties: false }) },
        handler: async () => ({ items: (await store.read.statements.list()).map(document) }),
    })
}

function read(file: Buffer): SignedStatement {
    try {
        return parseStatementFile(file)
    } catch (error) {
        if (error instanceof ManifestError) throw new Problem("HOV_API_ARTIFACT_BAD", `${error.code}: ${error.message}`)
        throw error
    }
}

function document(row: StatementRow): StatementDocument {
    return {
        id: row.id,
        kind: row.kind,
        subject: row.subject,
        issuedAt: row.kind === "fresh" ? iso(Number(row.issuedAtUnixS) * 1000) : null,
        createdAt: iso(row.createdAtMs),
        createdBy: row.createdBy,
    }
}
