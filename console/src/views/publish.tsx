/** Sends what `handover release` made: artifacts, their maps, a base. */
import { useMemo, useState } from "preact/hooks"
import { ApiError, part } from "../api.ts"
import type { FleetFigures, Page, ReleaseDocument } from "../documents.ts"
import { bytes, number, plural, short } from "../format.ts"
import { href, withQuery } from "../router.ts"
import { type ReleaseFile, readReleaseFile } from "../release-file.ts"
import type { Session } from "../state/session.ts"
import { Card, Empty, Failure, PageHead, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
import { useDoing, useLoaded } from "../ui/use.ts"

const ROUTES = { artifact: "artifacts", map: "maps", base: "bases" } as const
/** An artifact is there before its map. */
const ORDER = { base: 0, artifact: 1, map: 2 } as const

export function Publish({ session }: { readonly session: Session }) {
    useTitle("Publish")
    const fleet = useLoaded(signal => session.api.get<FleetFigures>("/fleet", {}, signal), [session])
    const releases = useLoaded(signal => session.api.get<Page<ReleaseDocument>>("/releases", { limit: 500 }, signal), [session])
    const apps = useMemo<readonly string[]>(() => [...new Set((releases.value?.items ?? []).map(release => release.app))], [releases.value])
    const [files, setFiles] = useState<readonly ReleaseFile[]>([])
    const [unreadable, setUnreadable] = useState<readonly string[]>([])
    const [app, setApp] = useState("")
    const [notes, setNotes] = useState("")
    const [done, setDone] = useState<string>()
    const [over, setOver] = useState(false)
    const doing = useDoing()
    const versions = [...new Set(files.map(file => file.version))]
    const name = app || apps[0] || "app"
    const id = versions.length === 1 ? `${name}@${versions[0]}` : undefined
    const take = async (list: Iterable<File>): Promise<void> => {
        const read = await Promise.all([...list].map(async file => ({ name: file.name, file: await readReleaseFile(file) })))
        const good = read.flatMap(one => (one.file ? [one.file] : []))
        setFiles(before => [...before.filter(old => !good.some(one => one.name === old.name)), ...good].sort((a, b) => ORDER[a.kind] - ORDER[b.kind]))
        setUnreadable(read.filter(one => one.file === undefined).map(one => one.name))
        setDone(undefined)
    }
    const publish = (): void =>
        doing.run(async () => {
            try {
                await session.api.send("POST", "/releases", { app: name, version: versions[0], ...(notes ? { notes } : {}) })
            } catch (error) {
                // Another base of a release that is there, or the same once more.
                if (!(error instanceof ApiError) || error.code !== "HOV_API_RELEASE_EXISTS") throw error
            }
            for (const file of files) await session.api.send("POST", `/releases/${part(id ?? "")}/${ROUTES[file.kind]}`, file.blob)
            setDone(id)
            setFiles([])
        })
    if (!session.may("publish")) return <Empty title="Publishing needs the role publisher or admin.">You are signed in as {session.me.role}.</Empty>
    return (
        <>
            <PageHead over={<a href={href("releases")}>Releases</a>} title="Publish a release" />
            {done && (
                <p class="hint good" role="status">
                    {done} is published. <a href={href("releases", done)}>Look at it</a>
                    {session.may("operate") && (
                        <>
                            {" "}
                            or <a href={withQuery(href("rollouts", "new"), { release: done })}>roll it out</a>
                        </>
                    )}
                    .
                </p>
            )}
            <Card title="Files" wide>
                {/* biome-ignore lint/a11y/noStaticElementInteractions: the field for files within is the way without a mouse */}
                <div
                    class={over ? "drop over" : "drop"}
                    onDragOver={event => {
                        event.preventDefault()
                        setOver(true)
                    }}
                    onDragLeave={() => setOver(false)}
                    onDrop={event => {
                        event.preventDefault()
                        setOver(false)
                        void take(event.dataTransfer?.files ?? [])
                    }}
                >
                    <label>
                        <span>Artifacts (.hoa), maps (.map.json), bases (base.json)</span>
                        <input type="file" multiple accept=".hoa,.json" onChange={event => void take(event.currentTarget.files ?? [])} />
                    </label>
                    <p class="muted">
                        <code>handover release 1.1.0</code> writes them to <code>built/releases/1.1.0/</code>, signed. This page never sees a signing key.
                    </p>
                </div>
                {unreadable.length > 0 && (
                    <p class="hint bad" role="alert">
                        Left out, because it is none of these: {unreadable.join(", ")}
                    </p>
                )}
                {files.length > 0 && (
                    <>
                        <Table
                            label="Files"
                            items={files}
                            keyOf={file => file.name}
                            columns={[
                                { name: "File", cell: file => file.name },
                                { name: "Is", cell: file => (file.kind === "artifact" ? `${file.cold ? "cold" : "hot"} image, sequence ${number(file.sequence ?? 0)}` : file.kind) },
                                { name: "Version", cell: file => file.version },
                                { name: "Base", cell: file => <code>{short(file.base)}</code> },
                                { name: "Bytes", is: "number", cell: file => bytes(file.blob.size) },
                                { name: "Devices with this base", cell: file => (file.kind === "artifact" ? plural(fleet.value?.bases.find(base => base.name === file.base)?.devices ?? 0, "device") : "–") },
                            ]}
                        />
                        {versions.length > 1 && (
                            <p class="hint bad" role="alert">
                                These are of {versions.length} versions ({versions.join(", ")}): publish one at a time.
                            </p>
                        )}
                        <form
                            class="row-form"
                            onSubmit={event => {
                                event.preventDefault()
                                publish()
                            }}
                        >
                            <label>
                                <span>App</span>
                                <input required list="apps" value={name} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" onInput={event => setApp(event.currentTarget.value)} />
                                <datalist id="apps">
                                    {apps.map(one => (
                                        <option key={one} value={one} />
                                    ))}
                                </datalist>
                            </label>
                            <label class="grow">
                                <span>Notes</span>
                                <input value={notes} maxLength={4000} placeholder="what is new" onInput={event => setNotes(event.currentTarget.value)} />
                            </label>
                            <button type="submit" class="primary" disabled={doing.busy || id === undefined}>
                                {id ? `Publish ${id}` : "Publish"}
                            </button>
                            <button type="button" onClick={() => setFiles([])}>
                                Clear
                            </button>
                        </form>
                        <p class="muted">Publishing gives it to nobody yet: a rollout, or an update of one device, does.</p>
                    </>
                )}
                {doing.error && <Failure error={doing.error} />}
            </Card>
        </>
    )
}
