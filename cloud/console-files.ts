/**
 * The console: built files, served as they are under `/console/`. All it needs comes from this server; its policy
 * lets it talk to nobody else.
 */
import { readdir, readFile } from "node:fs/promises"
import { createHash } from "node:crypto"
import path from "node:path"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"

const POLICY = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
].join("; ")
const TYPES: Readonly<Record<string, string>> = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
/** Their names have a digest of what is in them. */
const IMMUTABLE = /^assets\//
const INDEX = "index.html"

interface ServedFile {
    readonly type: string
    readonly bytes: Buffer
    readonly packed: Buffer
    readonly etag: string
}

/** Built files are beside the built server; from the sources they are in dist/. */
export const consoleFolder = (): string => path.join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "../dist/console" : "../console")

export async function consoleRoutes(app: FastifyInstance, folder = consoleFolder()): Promise<void> {
    let files = await readFiles(folder)
    app.get("/console", { schema: { hide: true } }, async (_request, reply) => reply.redirect("/console/", 308))
    app.get("/console/*", { schema: { hide: true } }, async (request, reply) => {
        // Built while the server runs: the next look finds it.
        if (files.size === 0) files = await readFiles(folder)
        if (files.size === 0) return notBuilt(reply)
        const name = (request.params as { "*": string })["*"] || INDEX
        const file = files.get(name)
        if (file === undefined) return reply.callNotFound()
        return send(request, reply, name, file)
    })
}

function send(request: FastifyRequest, reply: FastifyReply, name: string, file: ServedFile): FastifyReply {
    reply.header("content-security-policy", POLICY)
        .header("permissions-policy", "camera=(), geolocation=(), microphone=()")
        .header("cache-control", IMMUTABLE.test(name) ? "public, max-age=31536000, immutable" : "no-cache")
        .header("vary", "accept-encoding")
        .header("etag", file.etag)
        .type(file.type)
    if (request.headers["if-none-match"] === file.etag) return reply.code(304).send()
    if (!/\bgzip\b/.test(String(request.headers["accept-encoding"]))) return reply.send(file.bytes)
    return reply.header("content-encoding", "gzip").send(file.packed)
}

function notBuilt(reply: FastifyReply): FastifyReply {
    const text = "<!doctype html><meta charset=utf-8><title>Handover</title><h1>The console has not been built</h1><p>Run <code>npm run build:console</code> in the checkout and load this page again. The API is at <a href=/docs>/docs</a>."
    return reply.code(503).header("content-security-policy", POLICY).header("cache-control", "no-store").type("text/html; charset=utf-8").send(text)
}

async function readFiles(folder: string): Promise<Map<string, ServedFile>> {
    const files = new Map<string, ServedFile>()
    for (const name of await namesIn(folder)) {
        const type = TYPES[path.extname(name)]
        if (type === undefined) continue
        const bytes = await readFile(path.join(folder, name))
        const packed = await promisify(gzip)(bytes, { level: 9 })
        files.set(name.split(path.sep).join("/"), { type, bytes, packed, etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"` })
    }
    return files.has(INDEX) ? files : new Map()
}

async function namesIn(folder: string): Promise<string[]> {
    try {
        return await readdir(folder, { recursive: true })
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
        throw error
    }
}
