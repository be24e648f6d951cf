let on = false

function toggle() {
    on = !on
    console.log(on ? "led on" : "led off")
}

setInterval(toggle, 200)
