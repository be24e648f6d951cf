/**
 * Gets a real hawkBit from Maven Central, once: later starts find it in the cache folder.
 *
 * `org.eclipse.hawkbit:hawkbit-update-server` is the assembled server. Where the registry does not
 * have that file, the same server is put together from its parts (pom.xml and a main class beside
 * this file); the newest version whose parts are all there is the default.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { access, cp, mkdir, readFile, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import path from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const SOURCE = import.meta.dirname
export const PARTS_VERSION = "0.3.0M7"
const MAVEN_MS = 10 * 60_000

/** Why there is none: a text for the user. */
export class NoHawkbit extends Error {}

export interface Program {
    /** What to give to `java`. */
    readonly javaArguments: readonly string[]
    readonly version: string
    /** How it was come by, for the output. */
    readonly origin: string
}

/**
 * @param version "0.3.0M7" is put together from parts; another one is the assembled server.
 * @throws NoHawkbit when Java, Maven or that version is not to be had
 */
export async function resolveHawkbit(version: string = process.env.HAWKBIT_VERSION ?? PARTS_VERSION, say: (line: string) => void = () => {}): Promise<Program> {
    await need("java", ["-version"], "openjdk-17-jre-headless")
    return version === PARTS_VERSION ? fromParts(say) : assembled(version, say)
}

async function need(program: string, options: readonly string[], debian: string): Promise<void> {
    try {
        await run(program, [...options])
    } catch {
        throw new NoHawkbit(`there is no ${program}: install it with "apt-get install ${debian}"`)
    }
}

async function fromParts(say: (line: string) => void): Promise<Program> {
    const origin = "put together from its parts, because the registry does not have hawkbit-update-server"
    const pom = await readFile(path.join(SOURCE, "pom.xml"))
    const main = await readFile(path.join(SOURCE, "src/main/java/handover/Hawkbit.java"))
    const folder = cacheFolder(`parts-${createHash("sha256").update(pom).update(main).digest("hex").slice(0, 12)}`)
    const classpathFile = path.join(folder, "classpath.txt")
    const known = await classpathOf(folder, classpathFile)
    if (known !== undefined) return { javaArguments: ["-cp", known, "handover.Hawkbit"], version: PARTS_VERSION, origin }
    await need("mvn", ["-version"], "maven")
    say(`hawkBit ${PARTS_VERSION}: Maven resolves its parts (once, some 90 MB)`)
    const working = `${folder}.${process.pid}`
    await mkdir(working, { recursive: true })
    try {
        for (const name of ["pom.xml", "src"]) await cp(path.join(SOURCE, name), path.join(working, name), { recursive: true })
        await maven(["compile", "dependency:build-classpath", "-Dmdep.outputFile=classpath.txt"], working)
        await rm(folder, { recursive: true, force: true })
        await rename(working, folder)
    } catch (error) {
        await rm(working, { recursive: true, force: true })
        throw new NoHawkbit(`Maven cannot get hawkBit ${PARTS_VERSION}: ${firstError(error)}`)
    }
    const classpath = await classpathOf(folder, classpathFile)
    if (classpath === undefined) throw new NoHawkbit(`Maven has not put hawkBit ${PARTS_VERSION} together in ${folder}`)
    return { javaArguments: ["-cp", classpath, "handover.Hawkbit"], version: PARTS_VERSION, origin }
}

async function assembled(version: string, say: (line: string) => void): Promise<Program> {
    const folder = cacheFolder(`update-server-${version}`)
    const jar = path.join(folder, `hawkbit-update-server-${version}.jar`)
    const program = { javaArguments: ["-jar", jar], version, origin: "the assembled update server of Maven Central" }
    if (await exists(jar)) return program
    await need("mvn", ["-version"], "maven")
    say(`hawkBit ${version}: Maven looks for the assembled update server`)
    await mkdir(folder, { recursive: true })
    try {
        await maven(
            ["dependency:copy", `-Dartifact=org.eclipse.hawkbit:hawkbit-update-server:${version}`, `-DoutputDirectory=${folder}`, "-Dmdep.useBaseVersion=true"],
            folder,
        )
    } catch (error) {
        throw new NoHawkbit(`hawkbit-update-server ${version} is not to be had: ${firstError(error)}`)
    }
    return program
}

const maven = (goals: readonly string[], cwd: string) => run("mvn", ["-q", "-B", "-ntp", ...goals], { cwd, timeout: MAVEN_MS })

/** The classpath, when all of its files are (still) there. */
async function classpathOf(folder: string, file: string): Promise<string | undefined> {
    const jars = await readFile(file, "utf8").catch(() => undefined)
    if (jars === undefined) return undefined
    const parts = [path.join(folder, "target", "classes"), ...jars.trim().split(path.delimiter)]
    const found = await Promise.all(parts.map(exists))
    return found.every(Boolean) ? parts.join(path.delimiter) : undefined
}

const cacheFolder = (name: string): string => path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "handover", "hawkbit", name)

const exists = (file: string): Promise<boolean> =>
    access(file).then(
        () => true,
        () => false,
    )

function firstError(error: unknown): string {
    const text = `${(error as { stdout?: string }).stdout ?? ""}\n${(error as Error).message}`
    return /\[ERROR\] .*/.exec(text)?.[0].slice(8, 400) ?? (error as Error).message.split("\n")[0]
}
