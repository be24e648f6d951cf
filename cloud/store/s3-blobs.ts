/** Blobs in an S3-compatible store: one object for each, `PREFIX/ab/ab12…`, path-style addresses. */
import { createHash } from "node:crypto"
import type { BlobPlace } from "./blobs.ts"
import type { Credentials } from "./sign-v4.ts"
import { signV4 } from "./sign-v4.ts"
import { WrongOption } from "../wrong-option.ts"

export interface S3Options {
    /** e.g. `https://s3.eu-central-1.amazonaws.com`, `http://127.0.0.1:9000` */
    readonly endpoint: string
    readonly bucket: string
    /** Before the names, without slashes at its ends; "" for none. */
    readonly prefix: string
    readonly region: string
    readonly credentials: Credentials
}

const TRIES = 4
const WAIT_FIRST_MS = 100
const ANSWER_MS = 15_000
const EMPTY_SHA256 = createHash("sha256").digest("hex")

export class S3Blobs implements BlobPlace {
    readonly #options: S3Options

    constructor(options: S3Options) {
        this.#options = options
    }

    async put(digest: string, bytes: Uint8Array): Promise<void> {
        const { status } = await this.#ask("HEAD", digest)
        if (status === 200) return
        const answer = await this.#ask("PUT", digest, bytes)
        if (answer.status !== 200) throw new Error(`the blob store refused ${digest}: ${await reason(answer)}`)
    }

    async get(digest: string): Promise<Uint8Array | undefined> {
        const answer = await this.#ask("GET", digest)
        if (answer.status === 200) return new Uint8Array(await answer.arrayBuffer())
        if (answer.status === 404) return undefined
        throw new Error(`the blob store does not give ${digest}: ${await reason(answer)}`)
    }

    /** Tried again when the store is away or busy: each request may be made twice without harm. */
    async #ask(method: "GET" | "HEAD" | "PUT", digest: string, body?: Uint8Array): Promise<Response> {
        const { endpoint, bucket, prefix, region, credentials } = this.#options
        const path = [bucket, prefix, digest.slice(0, 2), digest].filter(part => part !== "").join("/")
        const url = new URL(`${endpoint.replace(/\/$/, "")}/${path}`)
        for (let attempt = 1; ; attempt++) {
            const { host, ...headers } = signV4(
                {
                    method,
                    url,
                    headers: body === undefined ? {} : { "content-type": "application/octet-stream" },
                    payloadSha256: body === undefined ? EMPTY_SHA256 : digest,
                },
                credentials,
                region,
                Date.now(),
            )
            try {
                const answer = await fetch(url, { method, headers, body, redirect: "error", signal: AbortSignal.timeout(ANSWER_MS) })
                if (answer.status < 500 && answer.status !== 429) return answer
                if (attempt >= TRIES) return answer
                await answer.body?.cancel()
            } catch (error) {
                if (attempt >= TRIES) throw new Error(`the blob store at ${endpoint} does not answer: ${(error as Error).message}`)
            }
            await new Promise(resolve => setTimeout(resolve, WAIT_FIRST_MS * 2 ** (attempt - 1)))
        }
    }
}

async function reason(answer: Response): Promise<string> {
    const text = await answer.text().catch(() => "")
    return `HTTP ${answer.status} ${/<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? ""}`.trim()
}

/**
 * `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`, with the credentials from the usual variables.
 * @throws Error that says what is missing
 */
export function parseS3Url(text: string, env: Readonly<Record<string, string | undefined>>): S3Options {
    const url = new URL(text)
    if (url.protocol !== "s3:" || url.hostname === "") throw new WrongOption("the blob store's address (HANDOVER_BLOBS) must be s3://BUCKET/PREFIX?endpoint=URL&region=NAME")
    const region = url.searchParams.get("region") ?? env.AWS_REGION ?? "us-east-1"
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env
    if (!accessKeyId || !secretAccessKey) throw new WrongOption("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the blob store")
    return {
        endpoint: url.searchParams.get("endpoint") ?? `https://s3.${region}.amazonaws.com`,
        bucket: url.hostname,
        prefix: url.pathname.replaceAll(/^\/+|\/+$/g, ""),
        region,
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    }
}
