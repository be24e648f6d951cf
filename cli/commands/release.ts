import { type Command, Option } from "commander"
import type { ReleasedBase, ReleaseOptions } from "../make-release.ts"
import { collect, date, milliseconds, wholeNumber } from "../option-values.ts"
import { action, type Session } from "../session.ts"
import { formatRefusals, formatUpdate } from "../update-report.ts"

export function addRelease(program: Command): void {
    releaseOptions(
        program
            .command("release <version>")
            .summary("build an update for every base and sign it")
            .description(
                "Builds the project as a new version for one or more bases, signs it, and writes OUT/releases/VERSION/:\n" +
                    "BASEID.hoa (the artifact) and BASEID.map.json (keep it: it names lines in diagnostics).",
            ),
    ).action(action(release))
}


/** Options of "release", which "publish" takes too. */
export function releaseOptions(command: Command): Command {
    return command
        .option("--base <file>", "base bundle to build for; several times for several (default: \"bases\" of handover.json, or OUT/base.json)", collect)
        .option("--key <file>", "signing key (default: the one of \"keys\" in handover.json that the base trusts)", collect)
        .option("--sequence <n>", "number against rollback (default: one more than the last one built here)", wholeNumber)
        .option("--not-after <date>", "boards refuse it after this time, e.g. 2030-01-31T00:00:00Z", date)
        .option("--allow-downgrade", "boards may go back to this sequence")
        .option("--skip-refused", "leave out bases on which it cannot go live")
        .addOption(new Option("--quiesce <when>", "calls that have begun and would mix old and new code: wait until they have ended, or go over now").choices(["wait", "now"]).default("wait"))
        .option("--quiesce-ms <ms>", "how long a board waits for them before it leaves the update (default: 10000)", milliseconds)
        .option("--force", "overwrite what was built before under this version")
        .option("--dry-run", "say what would be done; sign, write and send nothing")
}

async function release(session: Session, options: ReleaseOptions, version: string): Promise<void> {
    // the whole toolchain: not loaded by "publish", which takes its options from here
    const { makeRelease } = await import("../make-release.ts")
    const artifacts = await makeRelease(session, version, options)
    session.out.result({ ok: true, app: session.config.app, version, dryRun: options.dryRun === true, artifacts }, () => formatRelease(version, artifacts))
}

export function formatRelease(version: string, artifacts: readonly ReleasedBase[]): string {
    return artifacts
        .map(a => {
            const title = `${version} for base ${a.baseVersion} (${a.base}), sequence ${a.sequence}`
            if (!a.update) return `${title}\n${formatRefusals(a.refusals ?? [])}`
            const lines = [title, formatUpdate(a.update)]
            if (a.files) lines.push(`signed by ${a.signedBy}: ${a.files.artifact} (${a.artifactBytes} bytes), ${a.files.map}`)
            else lines.push("dry run: nothing was signed or written")
            return lines.join("\n")
        })
        .join("\n\n")
}
