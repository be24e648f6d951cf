/** The frame around every view: where one can go, who one is, and whether what one sees is live. */
import type { ComponentChildren } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { go, href, type Place, usePlace } from "./router.ts"
import type { Session } from "./state/session.ts"
import { sessions } from "./state/session.ts"
import { useWatched } from "./state/store.ts"
import { nextTheme, readTheme, setTheme, type Theme } from "./theme.ts"
import { Empty, Loading } from "./ui/parts.tsx"
import { Device } from "./views/device.tsx"
import { Devices } from "./views/devices.tsx"
import { NewRollout } from "./views/new-rollout.tsx"
import { Overview } from "./views/overview.tsx"
import { Publish } from "./views/publish.tsx"
import { Release } from "./views/release.tsx"
import { Releases } from "./views/releases.tsx"
import { Rollout } from "./views/rollout.tsx"
import { Rollouts } from "./views/rollouts.tsx"
import { Server } from "./views/server.tsx"
import { SignIn } from "./views/sign-in.tsx"

const NAVIGATION = [
    ["Fleet", ""],
    ["Devices", "devices"],
    ["Rollouts", "rollouts"],
    ["Releases", "releases"],
    ["Server", "server"],
] as const

export function App() {
    useWatched(sessions)
    const place = usePlace()
    const [starting, setStarting] = useState(sessions.current === undefined && sessions.kept !== null)
    useEffect(() => {
        const { kept } = sessions
        if (sessions.current !== undefined || kept === null) return
        // An answer that the token is wrong ends it; a server that is away for a moment does not.
        const attempt = (): void => {
            sessions.signIn(kept).then(
                () => setStarting(false),
                () => (sessions.kept === null ? setStarting(false) : setTimeout(attempt, 2_000)),
            )
        }
        attempt()
    }, [])
    const session = sessions.current
    if (starting)
        return (
            <main>
                <Loading lines={6} />
            </main>
        )
    if (session === undefined) return <SignIn />
    return (
        <Frame session={session} place={place}>
            <View session={session} place={place} />
        </Frame>
    )
}

function View({ session, place }: { readonly session: Session; readonly place: Place }) {
    const [room, id] = place.parts
    if (room === undefined) return <Overview session={session} />
    if (room === "devices") return id === undefined ? <Devices session={session} place={place} /> : <Device key={id} session={session} id={id} />
    if (room === "releases") return id === undefined ? <Releases session={session} /> : <Release key={id} session={session} id={id} />
    if (room === "rollouts" && id === "new") return <NewRollout session={session} place={place} />
    if (room === "rollouts") return id === undefined ? <Rollouts session={session} /> : <Rollout key={id} session={session} id={id} />
    if (room === "publish") return <Publish session={session} />
    if (room === "server") return <Server session={session} />
    return (
        <Empty title="There is no such page.">
            <a href={href()}>To the fleet</a>
        </Empty>
    )
}

function Frame({ session, place, children }: { readonly session: Session; readonly place: Place; readonly children: ComponentChildren }) {
    const main = useRef<HTMLElement>(null)
    const address = place.parts.join("/")
    const [first, setFirst] = useState(true)
    // A new page begins at its heading, for who listens and for who uses the keyboard.
    useEffect(() => {
        if (first) setFirst(false)
        else main.current?.focus({ preventScroll: true })
    }, [address])
    const room = place.parts[0] === "publish" ? "releases" : (place.parts[0] ?? "")
    return (
        <div class="frame">
            {/* biome-ignore lint/a11y/useValidAnchor: it is a link within the page; the hash is the console's place, so the jump is done here */}
            <a
                class="skip"
                href="#main"
                onClick={event => {
                    event.preventDefault()
                    main.current?.focus()
                }}
            >
                To the content
            </a>
            <header class="top">
                <a class="brand" href={href()}>
                    Handover
                </a>
                <nav aria-label="Main">
                    {NAVIGATION.map(([label, path]) => (
                        <a key={path} href={path === "" ? href() : href(path)} aria-current={room === path ? "page" : undefined}>
                            {label}
                        </a>
                    ))}
                </nav>
                <div class="who">
                    <LiveMark session={session} />
                    <ThemeButton />
                    <span class="name">
                        {session.me.name} <span class="muted">{session.me.role}</span>
                    </span>
                    <button
                        type="button"
                        class="quiet"
                        onClick={() => {
                            sessions.signOut()
                            go(href())
                        }}
                    >
                        Sign out
                    </button>
                </div>
            </header>
            <main id="main" ref={main} tabIndex={-1}>
                <Offline session={session} />
                {children}
            </main>
        </div>
    )
}

function LiveMark({ session }: { readonly session: Session }) {
    useWatched(session.live)
    const { state } = session.live
    return (
        <span class={`live-mark is-${state}`} role="status">
            <i aria-hidden="true" />
            {state === "live" ? "live" : state === "connecting" ? "connecting" : "not live"}
        </span>
    )
}

/** What is seen may be old: said once, at the top, until it is over. */
function Offline({ session }: { readonly session: Session }) {
    useWatched(session.live)
    if (session.live.state !== "offline") return null
    return (
        <p class="hint wait" role="alert">
            The connection to the server is lost. What you see is the last that came; it is tried again by itself.
        </p>
    )
}

function ThemeButton() {
    const [theme, set] = useState<Theme>(readTheme)
    const next = nextTheme(theme)
    return (
        <button
            type="button"
            class="quiet"
            onClick={() => {
                setTheme(next)
                set(next)
            }}
            title={`Change to ${next}`}
        >
            <span class="wide-only">theme:</span> {theme}
        </button>
    )
}
