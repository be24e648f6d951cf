import type { Command } from "commander"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { part } from "../api-client.ts"
import { ServerRefusal } from "../cli-error.ts"
import { bundlesFolder, inProject, shown } from "../paths.ts"
import { readBundles } from "../project-programs.ts"
import { action, type Session } from "../session.ts"

export function addBases(program: Command): void {
    const bases = program
        .command("bases")
        .summary("bases kept at the server")
        .description("Keeps base bundles at the server, so that updates can be built wherever the project is. A bundle holds the program's sources.")
    bases.command("publish [file]").description("send a base bundle as the release that it is (default: OUT/base.json)").action(action(publish))
    bases.command("fetch <id>").description("fetch a bundle by its base id into OUT/bases").action(action(fetchBase))
}

async function publish(session: Session, _: object, file?: string): Promise<void> {
    const { config, out } = session
    const path = file === undefined ? config.baseFiles[0] : inProject(config, file)
    const [bundle] = readBundles([path])
    const api = session.api()
    const name = `${config.app}@${bundle.version}`
    try {
        await api.call("POST", "/releases", { app: config.app, version: bundle.version })
    } catch (e) {
        if (!(e instanceof ServerRefusal) || e.code !== "HOV_API_RELEASE_EXISTS") throw e
    }
    const document = await api.call<object>("POST", `/releases/${part(name)}/bases`, new Uint8Array(readFileSync(path)))
    out.result({ ok: true, release: name, ...document }, `base ${bundle.baseId} is published as ${name}`)
}

async function fetchBase(session: Session, _: object, id: string): Promise<void> {
    const { config, out } = session
    const document = await session.api().get<object>(`/bases/${part(id)}`)
    const folder = bundlesFolder(config.outDir)
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `${id.replace(/[^0-9a-f]/g, "")}.json`)
    writeFileSync(file, `${JSON.stringify(document, undefined, 1)}\n`)
    const [bundle] = readBundles([file])
    out.result({ ok: true, base: bundle.baseId, version: bundle.version, file: shown(file) }, `${shown(file)}: base ${bundle.version}. Build for it with --base ${shown(file)}`)
}
