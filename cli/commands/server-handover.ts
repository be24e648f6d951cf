import type { Command } from "commander"
import type { HandoverProgress } from "../../cloud/operator-api/documents.ts"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import { addServerHealth } from "./server-health.ts"
import { withProgress } from "../progress.ts"
import { action, type Session } from "../session.ts"
import { wholeNumber } from "../option-values.ts"

interface Options {
    readonly to?: string
    readonly abort?: boolean
    readonly force?: boolean
    readonly pace?: number
    readonly insecure?: boolean
    readonly tellToken?: boolean
}

const ROUTE = "/server/handover"
const LOOK_MS = 250

export function addServerHandover(program: Command): void {
    const server = program.command("server").summary("the update server itself")
    addServerHealth(server)
    server
        .command("handover")
        .description(
            "Hands the server over to another one while devices talk to it. The other server is running already;\n" +
                "HANDOVER_NEXT_TOKEN is an admin's token of it. Without --to it shows how far the handover is.",
        )
        .option("--to <url>", "address of the server that takes over")
        .option("--abort", "take everything back")
        .option("--force", "with --abort, at the server that takes over: the other one has ended for good and cannot be asked")
        .option("--insecure", "also when the servers reach each other over plain http: the network between them is nobody else's")
        .option("--tell-token", "to a server of an earlier version, which cannot prove who it is: send it the token itself")
        .option("--pace <n>", "devices offered in a second", wholeNumber)
        .action(action(handover))
}

async function handover(session: Session, options: Options): Promise<number> {
    const api = session.api()
    if (options.abort) await api.call("POST", `${ROUTE}/abort`, options.force ? { force: true } : undefined)
    else if (options.to !== undefined) {
        const token = session.env.HANDOVER_NEXT_TOKEN?.trim()
        if (!token) throw new CliError("HOV_CLI_NO_TOKEN", "no token for the other server: set HANDOVER_NEXT_TOKEN to an admin's token of it")
        await api.call("POST", ROUTE, { to: options.to.replace(/\/+$/, ""), token, ...(options.pace === undefined ? {} : { pacePerS: options.pace }), ...(options.insecure ? { insecure: true } : {}), ...(options.tellToken ? { tellToken: true } : {}) })
    } else {
        if (options.pace !== undefined) await api.call("POST", `${ROUTE}/pace`, { pacePerS: options.pace })
        const progress = await api.get<HandoverProgress>(ROUTE)
        session.out.result({ ok: true, ...progress }, told(progress))
        return EXIT.ok
    }
    const wanted = options.abort ? "aborted" : "done"
    const last = await withProgress(session.out, options.abort ? "taking back" : `handing over to ${options.to}`, async tell => {
        for (;;) {
            const progress = await api.get<HandoverProgress>(ROUTE)
            tell(told(progress))
            if (progress.phase === "done" || progress.phase === "aborted") return progress
            await new Promise(resolve => setTimeout(resolve, LOOK_MS))
        }
    })
    const ok = last.phase === wanted
    session.out.result({ ok, ...last }, told(last))
    return ok ? EXIT.ok : EXIT.failed
}

function told({ phase, to, devices, moved, unsettled, pacePerS, copied = 0, freeze, eventsBehind = null, linkFailures, storeFailures = 0 }: HandoverProgress): string {
    if (phase === null) return "no handover"
    if (phase === "copying") return `copying: ${copied} of ${devices} devices to ${to}, which are served meanwhile`
    const pace = pacePerS === null ? "" : ` at ${pacePerS}/s`
    return `${phase}: ${moved} of ${devices} devices at ${to}${pace}, ${unsettled} on their way; frozen ${freeze.p50Ms} ms (p50), ${freeze.p99Ms} ms (p99)${eventsBehind === null ? "" : `, ${eventsBehind} events behind`}; ${linkFailures} failed exchanges${storeFailures === 0 ? "" : `, ${storeFailures} writes that the store did not take at once`}`
}
