/** A fault that a board reported: what, in which function, at which line of the source. */
import type { StatusDocument } from "../documents.ts"
import { ReleaseLink, Time } from "./parts.tsx"

export function FaultReport({ status }: { readonly status: StatusDocument }) {
    const { fault, diagnostics, code } = status
    if (diagnostics === null) return null
    const log = typeof diagnostics.log === "string" ? diagnostics.log.split("\n") : (diagnostics.log ?? [])
    return (
        <article class="fault">
            <h3>
                {fault?.message || diagnostics.msg || diagnostics.kind || "fault"} {code && <code>{code}</code>}
            </h3>
            {fault ? (
                <p>
                    in <strong>{fault.function}</strong>
                    {fault.location && (
                        <>
                            {" "}
                            at <code class="place">{fault.location}</code>
                        </>
                    )}{" "}
                    of <ReleaseLink release={fault.release} />, <Time at={status.at} />
                </p>
            ) : (
                <p class="muted">
                    No source line: {typeof diagnostics.img === "string" ? `there is no map for image ${diagnostics.img}` : "the report names no place in an image"}. <Time at={status.at} />
                </p>
            )}
            {log.length > 0 && <pre role="group" tabIndex={0} aria-label="Last lines before it">{log.join("\n")}</pre>}
            <details>
                <summary>As reported</summary>
                <pre tabIndex={0}>{JSON.stringify(diagnostics, undefined, 2)}</pre>
            </details>
        </article>
    )
}
