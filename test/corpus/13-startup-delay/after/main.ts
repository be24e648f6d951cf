let armed = false

setTimeout(() => {
    armed = true
    console.log("alarm armed")
}, 1000)

setInterval(() => console.log(armed ? "watching" : "waiting"), 400)
