import { useState } from "preact/hooks"
import { Failure, useTitle } from "../ui/parts.tsx"
import { useDoing } from "../ui/use.ts"
import { sessions } from "../state/session.ts"

export function SignIn() {
    useTitle("Sign in")
    const [token, setToken] = useState("")
    const [shown, setShown] = useState(false)
    const doing = useDoing()
    return (
        <main class="sign-in">
            <form
                onSubmit={event => {
                    event.preventDefault()
                    doing.run(() => sessions.signIn(token.trim()))
                }}
            >
                <h1>Handover</h1>
                {sessions.message && (
                    <p class="hint" role="status">
                        {sessions.message}
                    </p>
                )}
                <label for="token">Token</label>
                <input
                    {...(shown ? { type: "text" as const } : { type: "password" as const })}
                    id="token"
                    name="token"
                    autocomplete="off"
                    spellcheck={false}
                    required
                    minLength={16}
                    maxLength={128}
                    value={token}
                    aria-describedby="token-help"
                    onInput={event => setToken(event.currentTarget.value)}
                />
                <label class="check">
                    <input type="checkbox" checked={shown} onChange={event => setShown(event.currentTarget.checked)} /> Show it
                </label>
                <p id="token-help" class="muted">
                    It stays in this tab and is forgotten with it. The first admin's is in <code>admin.token</code> of the server's data folder; others come from <code>handover tokens new</code>.
                </p>
                {doing.error && <Failure error={doing.error} />}
                <button type="submit" class="primary" disabled={doing.busy}>
                    {doing.busy ? "Signing in" : "Sign in"}
                </button>
            </form>
        </main>
    )
}
