/** The pieces that all views are made of. */
import type { ComponentChildren } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import type { ApiError } from "../api.ts"
import { ago, fullTime } from "../format.ts"
import { href } from "../router.ts"
import { useNow } from "./use.ts"
import { meaningOf, type Tone } from "./words.ts"

const MARKS: Readonly<Record<Tone, string>> = { good: "M3 8.5 6.5 12 13 4.5", bad: "M4 4l8 8M12 4l-8 8", busy: "M8 2a6 6 0 1 1-5.2 3", wait: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M8 4.8V8l2 1.4", quiet: "M4 8h8" }

/** A state in words, with a shape of its own: colour is never the only sign. */
export function State({ state, reason }: { readonly state: string; readonly reason?: string | null }) {
    const { label, tone, meaning } = meaningOf(state)
    const why = reason ? ` (${meaningOf(reason).label})` : ""
    return (
        <span class={`state ${tone}`} title={meaning || undefined}>
            <svg viewBox="0 0 16 16" aria-hidden="true">
                <path d={MARKS[tone]} />
            </svg>
            {label}
            {why}
        </span>
    )
}

export function Time({ at }: { readonly at: string | null }) {
    const nowMs = useNow()
    if (at === null) return <span class="muted">never</span>
    return (
        <time dateTime={at} title={fullTime(at)}>
            {ago(at, nowMs)}
        </time>
    )
}

export function PageHead({ title, over, children }: { readonly title: ComponentChildren; readonly over?: ComponentChildren; readonly children?: ComponentChildren }) {
    return (
        <header class="page-head">
            <div>
                {over && <p class="over">{over}</p>}
                <h1 tabIndex={-1}>{title}</h1>
            </div>
            {children && <div class="actions">{children}</div>}
        </header>
    )
}

export function Card({ title, note, children, wide }: { readonly title: string; readonly note?: ComponentChildren; readonly children: ComponentChildren; readonly wide?: boolean }) {
    return (
        <section class={wide ? "card wide" : "card"} aria-label={title}>
            <header>
                <h2>{title}</h2>
                {note && <div class="note">{note}</div>}
            </header>
            {children}
        </section>
    )
}

/** Nothing there: says so, and what would bring something about. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
    return (
        <div class="empty">
            <p>{title}</p>
            {children && <div class="muted">{children}</div>}
        </div>
    )
}

/** Lines where content will be; a screen reader hears one word. */
export function Loading({ lines = 4 }: { readonly lines?: number }) {
    return (
        <div class="loading" role="status">
            <span class="hidden">Loading</span>
            {Array.from({ length: lines }, (_, n) => (
                <i key={n} class={`w${n % 4}`} />
            ))}
        </div>
    )
}

export function Failure({ error, again }: { readonly error: ApiError; readonly again?: () => void }) {
    return (
        <div class="failure" role="alert">
            <p>
                <strong>{error.message}</strong> <code>{error.code}</code>
            </p>
            {error.help && <p>{error.help}</p>}
            {again && (
                <button type="button" onClick={again}>
                    Try again
                </button>
            )}
        </div>
    )
}

export interface ConfirmProps {
    readonly label: string
    readonly tone?: "danger" | "primary"
    readonly question: string
    readonly explain: ComponentChildren
    readonly busy: boolean
    readonly onConfirm: () => void
}

/** A button whose act is asked about once more: two clicks in all. */
export function ConfirmButton({ label, tone, question, explain, busy, onConfirm }: ConfirmProps) {
    const dialog = useRef<HTMLDialogElement>(null)
    return (
        <>
            <button type="button" class={tone} disabled={busy} onClick={() => dialog.current?.showModal()}>
                {label}…
            </button>
            {/* biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog anyway; the click beside it is one way more */}
            <dialog ref={dialog} aria-label={question} onClick={event => event.target === dialog.current && dialog.current?.close()}>
                <form method="dialog">
                    <h2>{question}</h2>
                    <div>{explain}</div>
                    <div class="actions">
                        <button type="submit" value="no">
                            Keep as it is
                        </button>
                        <button
                            type="submit"
                            class={tone}
                            onClick={event => {
                                event.preventDefault()
                                dialog.current?.close()
                                onConfirm()
                            }}
                        >
                            {label}
                        </button>
                    </div>
                </form>
            </dialog>
        </>
    )
}

/** Says to a screen reader what has just happened. */
export function Said({ text }: { readonly text: string }) {
    return (
        <p class="hidden" role="status">
            {text}
        </p>
    )
}

export function ReleaseLink({ release }: { readonly release: string | null }) {
    if (release === null) return <span class="muted">–</span>
    if (release === "base") return <span>the base's own code</span>
    return <a href={href("releases", release)}>{release}</a>
}

export function Facts({ items }: { readonly items: readonly (readonly [string, ComponentChildren])[] }) {
    return (
        <dl class="facts">
            {items.map(([name, value]) => (
                <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            ))}
        </dl>
    )
}

/** Shares of a whole, side by side; what they are is also said in words beside it. */
export function Shares({ label, parts }: { readonly label: string; readonly parts: readonly { readonly name: string; readonly value: number; readonly tone: Tone }[] }) {
    const shown = parts.filter(part => part.value > 0)
    const text = shown.map(part => `${part.value} ${part.name}`).join(", ")
    return (
        <svg class="shares" role="img" aria-label={`${label}: ${text || "nothing yet"}`} viewBox="0 0 100 6" preserveAspectRatio="none">
            {place(shown).map(({ name, tone, from, width }) => (
                <rect key={name} class={tone} x={from} y="0" width={width} height="6" />
            ))}
        </svg>
    )
}

function place(parts: readonly { readonly name: string; readonly value: number; readonly tone: Tone }[]) {
    const sum = parts.reduce((total, part) => total + part.value, 0)
    let from = 0
    return parts.map(part => {
        const width = (part.value / sum) * 100
        const placed = { ...part, from, width }
        from += width
        return placed
    })
}

/** The main heading of a new page is read out, and the title of the tab follows. */
export function useTitle(title: string): void {
    const [first, setFirst] = useState(true)
    useEffect(() => {
        document.title = `${title} · Handover`
        setFirst(false)
        if (!first) return
        scrollTo(0, 0)
    }, [title])
}
