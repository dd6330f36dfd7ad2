// SPDX-License-Identifier: Apache-2.0
// The part of the console page that is alike for all vendors: pictures,
// keys, questions. How its WebSocket is greeted is for the vendor's script.

export const texts = JSON.parse(
    document.getElementById('texts').textContent);

const canvas = document.querySelector('canvas.console');
const dialog = document.getElementById('dialog');
let hasPicture = false;

// Show a text above everything, with buttons {id: [label, action]}.
export function say(text, buttons = {}) {
    dialog.replaceChildren();
    const words = document.createElement('p');
    words.id = 'dialog-text';
    words.textContent = text;
    dialog.append(words);
    for (const [id, [label, action]] of Object.entries(buttons)) {
        const button = document.createElement('button');
        button.id = id;
        button.textContent = label;
        button.addEventListener('click', action);
        dialog.append(button);
    }
    dialog.hidden = false;
}

export function beQuiet() {
    dialog.hidden = true;
}

function draw(picture) {
    const { width, height, frame, side } = picture;
    if (!hasPicture) {
        canvas.width = width;
        canvas.height = height;
        hasPicture = true;
        beQuiet();
    }
    const context = canvas.getContext('2d');
    context.fillStyle = picture.colour;
    context.fillRect(0, 0, width, height);
    context.fillStyle = picture.ground;
    context.fillRect(frame, frame, width - 2 * frame, height - 2 * frame);
    context.fillStyle = picture.block;
    context.fillRect(picture.left, picture.top, side, side);
    context.fillStyle = picture.colour;
    context.font = 'bold 72px sans-serif';
    context.fillText(picture.title, 2 * frame, 5 * frame);
    document.documentElement.dataset.pictures = picture.number + 1;
}

function obey(order) {
    if (order.click) {
        document.getElementById(order.click).click();
    } else {
        draw(order);
    }
}

function clear() {
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
}

// greet(socket) says hello, hear(bytes, socket) gets what is not a picture,
// leave(socket) says goodbye.
export function openConsole({ host = location.host, path, protocols = [],
                              greet, hear, leave }) {
    const socket = new WebSocket(`wss://${host}${path}`, protocols);
    socket.binaryType = 'arraybuffer';
    const tell = (event) => {
        if (hasPicture && socket.readyState === WebSocket.OPEN) {
            socket.send(JSON.stringify(event));
        }
    };
    socket.addEventListener('open', () => greet?.(socket));
    socket.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') {
            obey(JSON.parse(data));
        } else {
            hear(new Uint8Array(data), socket);
        }
    });
    socket.addEventListener('close', () => {
        clear();
        if (hasPicture || dialog.hidden) {
            say(hasPicture ? texts.lost : texts.expired);
        }
    });
    for (const type of ['keydown', 'keyup']) {
        addEventListener(type, (event) => {
            event.preventDefault();
            tell({ down: type === 'keydown', code: event.code,
                   key: event.key, repeat: event.repeat });
        });
    }
    canvas.addEventListener('pointerdown', (event) => tell({
        x: Math.floor(event.offsetX), y: Math.floor(event.offsetY) }));
    addEventListener('pagehide', () => {
        if (socket.readyState === WebSocket.OPEN) {
            leave?.(socket);
            socket.close();
        }
    });
    return socket;
}
