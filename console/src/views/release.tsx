/** One release: what changes on which base, how many bytes that is, who signed it, and what was refused. */
import { part } from "../api.ts"
import type { ImageContents, Refusal, ReleaseContents, ReleaseDocument } from "../documents.ts"
import { bytes, fullTime, number, percent, plural, short } from "../format.ts"
import { href, withQuery } from "../router.ts"
import type { Session } from "../state/session.ts"
import { Card, Empty, Facts, Failure, Loading, PageHead, Time, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
import { useEvents, useLoaded } from "../ui/use.ts"
import { kindOf } from "./releases.tsx"

export function Release({ session, id }: { readonly session: Session; readonly id: string }) {
    useTitle(id)
    const release = useLoaded(signal => session.api.get<ReleaseDocument>(`/releases/${part(id)}`, {}, signal), [session, id])
    const contents = useLoaded(signal => session.api.get<ReleaseContents>(`/releases/${part(id)}/contents`, {}, signal), [session, id])
    useEvents(session, event => event.type === "artifact.added" && event.release === id, () => {
        release.again()
        contents.again()
    })
    const shown = release.value
    if (release.error && shown === undefined) return <Failure error={release.error} again={release.again} />
    if (shown === undefined) return <Loading lines={8} />
    return (
        <>
            <PageHead over={<a href={href("releases")}>Releases</a>} title={shown.id}>
                {session.may("operate") && shown.artifacts.length + shown.bases.length > 0 && (
                    <a class="button primary" href={withQuery(href("rollouts", "new"), { release: shown.id })}>
                        Roll out
                    </a>
                )}
            </PageHead>
            <div class="grid">
                <Card title="About" wide>
                    {shown.notes && <p class="notes">{shown.notes}</p>}
                    <Facts
                        items={[
                            ["Kind", kindOf(shown)],
                            ["Published", <><Time at={shown.createdAt} /> by {shown.createdBy}</>],
                            ["Runs on", <a key="d" href={withQuery(href("devices"), { version: shown.version })}>devices with version {shown.version}</a>],
                            ["Bases that it is", shown.bases.length === 0 ? "none" : shown.bases.map(base => <code key={base.base}>{base.base} </code>)],
                        ]}
                    />
                </Card>
                {contents.error && <Failure error={contents.error} again={contents.again} />}
                {contents.value === undefined && !contents.error && <Loading />}
                {contents.value?.images.length === 0 && shown.bases.length === 0 && <Empty title="Nothing has been uploaded for it yet." />}
                {contents.value?.images.map(image => <Image key={image.base} image={image} />)}
                {contents.value?.refusals.map(({ base, devices, reasons }) => (
                    <Card key={base} title={`Refused for base ${short(base)}`} wide note={<span>{plural(devices, "device")} in the field</span>}>
                        <Refusals reasons={reasons} />
                    </Card>
                ))}
                {contents.value && contents.value.without.length > 0 && (
                    <Card title="Bases in the field without an image" wide note={`${plural(contents.value.without.reduce((sum, one) => sum + one.devices, 0), "device")} will not get it`}>
                        <ul class="lines">
                            {contents.value.without.map(({ base, devices }) => (
                                <li key={base}>
                                    <code>{base}</code> {plural(devices, "device")}
                                </li>
                            ))}
                        </ul>
                    </Card>
                )}
            </div>
        </>
    )
}

function Image({ image }: { readonly image: ImageContents }) {
    const { contents, signedWith } = image
    return (
        <Card title={`Image for base ${short(image.base)}`} wide note={<span>{plural(image.devices, "device")} in the field</span>}>
            <Facts
                items={[
                    ["Kind", image.cold ? "cold: a whole base, with a restart" : "hot: goes live without a restart"],
                    ["Image", `${bytes(image.imageBytes)}${contents ? `: ${bytes(contents.codeBytes)} code, ${bytes(contents.restBytes)} the rest` : ""}`],
                    ["Sequence", `${number(image.sequence)}${image.downgradeAllowed ? ", boards may go back to it" : ""}`],
                    ["Signature", signedWith ? `${signedWith.lms} / ${signedWith.ots}, ${bytes(image.signatureBytes)}` : `${bytes(image.signatureBytes)}, of a kind that is not known here`],
                    ["One-time key", signedWith ? `number ${number(signedWith.leaf)} of ${number(signedWith.leaves)} (${percent(signedWith.leaf + 1, signedWith.leaves)} of the key used)` : "–"],
                    ["Valid until", image.notAfter === null ? "no end" : fullTime(image.notAfter)],
                ]}
            />
            <p class="digest">
                <span class="muted">SHA-256</span> <code>{image.image}</code>
            </p>
            {contents === null ? (
                <Empty title={image.cold ? "A whole program: it is not taken apart here." : "This file is not a script image."} />
            ) : (
                <>
                    <h3>
                        {plural(contents.functions.length, "function")} changed
                        <span class="muted">
                            {contents.newGlobals > 0 && `, ${plural(contents.newGlobals, "new global")}`}
                            {contents.migrations > 0 && `, ${plural(contents.migrations, "migration rule")}`}
                        </span>
                    </h3>
                    {!image.hasMap && <p class="muted">Upload the image's map (.map.json) for names and lines.</p>}
                    <Table
                        label="Functions"
                        items={contents.functions}
                        keyOf={(_, index) => index}
                        columns={[
                            { name: "Function", cell: one => <code>{one.name}</code> },
                            { name: "Source", cell: one => (one.location ? <code class="place">{one.location}</code> : <span class="muted">–</span>) },
                            { name: "Change", cell: one => one.change },
                            { name: "Bytes", is: "number", cell: one => number(one.bytes) },
                            { name: "On a fault", cell: one => (one.onFault === "rerun" ? "runs the old code" : one.onFault === "skip" ? "skips the call" : "throws on, trial fails") },
                        ]}
                    />
                </>
            )}
        </Card>
    )
}

function Refusals({ reasons }: { readonly reasons: readonly Refusal[] }) {
    return (
        <ol class="refusals">
            {reasons.map((reason, index) => (
                <li key={index}>
                    <p>
                        <code>{reason.code}</code> <strong>{reason.functionName}</strong> <code class="place">{reason.location}</code>
                    </p>
                    <p>{reason.detail}</p>
                    {reason.fix && <p class="muted">{reason.fix}</p>}
                </li>
            ))}
        </ol>
    )
}
