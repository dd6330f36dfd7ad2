// SPDX-License-Identifier: Apache-2.0
// Where the picture lies: gives noVNC a container of the right size inside a
// view that scrolls, and moves that view. Which size is right is for zoom.js.

import { containerSize, FIT, isCrisp, shownScale } from '../zoom.js';

// Part of the view that an arrow key moves it by.
const STEP = 0.1;
const STEPS = Object.freeze({ ArrowLeft: [-1, 0], ArrowRight: [1, 0],
    ArrowUp: [0, -1], ArrowDown: [0, 1], PageUp: [0, -9], PageDown: [0, 9],
    Home: [-1e3, 0], End: [1e3, 0] });

// Events: change, when what shown, overflows or moving give may be different.
export class Stage extends EventTarget {
    #window;
    #view;
    #frame;
    #done;
    #screen;
    #canvasSizes;
    #grip = null;

    // view: the element that scrolls; screen: see screen.js; done: text of
    // the button that ends moving the view.
    constructor(document, view, screen, done) {
        super();
        this.#window = document.defaultView;
        this.#view = view;
        this.#screen = screen;
        this.#frame = document.createElement('div');
        this.#frame.id = 'stage';
        this.#done = Object.assign(document.createElement('button'),
            { type: 'button', id: 'stop-moving', hidden: true,
                textContent: done });
        view.append(this.#frame);
        view.after(this.#done);
        this.#canvasSizes = new ResizeObserver(() => this.#sharpen());
        this.#listen();
    }

    // The element that noVNC draws into.
    get frame() {
        return this.#frame;
    }

    // Device pixels per pixel of the server; 0 without a picture.
    get shown() {
        const width = this.#screen.canvas?.getBoundingClientRect().width;
        return shownScale(this.#screen.size, width ?? 0,
            this.#window.devicePixelRatio);
    }

    // A part of the picture is out of sight.
    get overflows() {
        const view = this.#view;
        return view.scrollWidth > view.clientWidth ||
            view.scrollHeight > view.clientHeight;
    }

    get moving() {
        return 'moving' in this.#view.dataset;
    }

    // While true, drags and arrow keys move the view instead of reaching the
    // server: touch screens have no scroll bars to do it with.
    set moving(moving) {
        if (moving === this.moving) {
            return;
        }
        if (moving) {
            this.#view.dataset.moving = '';
            this.#done.hidden = false;
            this.#done.focus();
        } else {
            delete this.#view.dataset.moving;
            this.#done.hidden = true;
            this.#grip = null;
            this.#screen.focus();
        }
        this.#tell();
    }

    #listen() {
        for (const type of ['connect', 'resize', 'zoom']) {
            this.#screen.addEventListener(type, () => this.#layOut());
        }
        this.#screen.addEventListener('connect', () => {
            this.#canvasSizes.disconnect();
            this.#canvasSizes.observe(this.#screen.canvas);
        });
        this.#screen.addEventListener('disconnect', () => {
            this.moving = false;
        });
        new ResizeObserver(() => this.#tell()).observe(this.#view);
        this.#watchRatio();
        this.#done.addEventListener('click', () => {
            this.moving = false;
        });
        this.#done.addEventListener('keydown', (event) => this.#key(event));
        // The focus stays on the button, so that arrow keys go on.
        this.#view.addEventListener('mousedown', (event) => {
            if (this.moving) {
                event.preventDefault();
            }
        });
        for (const type of ['pointerdown', 'pointermove', 'pointerup',
            'pointercancel']) {
            this.#view.addEventListener(type, (event) => this.#drag(event));
        }
    }

    // Changes with the browser's own zoom, and between two monitors.
    #watchRatio() {
        const ratio = this.#window.devicePixelRatio;
        this.#window.matchMedia(`(resolution: ${ratio}dppx)`)
            .addEventListener('change', () => {
                this.#layOut();
                this.#watchRatio();
            }, { once: true });
    }

    #layOut() {
        const { scale, size, remoteResize } = this.#screen;
        // A server that follows the window needs one that does not follow
        // the server.
        const box = containerSize(remoteResize ? FIT : scale, size,
            this.#window.devicePixelRatio);
        this.#frame.style.width = box ? `${box.width}px` : '100%';
        this.#frame.style.height = box ? `${box.height}px` : '100%';
        // noVNC resizes its canvas a frame later, if at all.
        this.#sharpen();
    }

    #sharpen() {
        this.#frame.classList.toggle('crisp',
            isCrisp(this.shown, this.#screen.size));
        this.#tell();
    }

    #tell() {
        if (this.moving && !this.overflows) {
            this.moving = false;
            return;
        }
        this.dispatchEvent(new Event('change'));
    }

    #key(event) {
        const step = STEPS[event.key];
        if (event.key === 'Escape') {
            this.moving = false;
        } else if (step) {
            this.#view.scrollBy(
                step[0] * STEP * this.#view.clientWidth,
                step[1] * STEP * this.#view.clientHeight);
        } else {
            return;
        }
        event.preventDefault();
    }

    // Fingers scroll by the browser's own means.
    #drag(event) {
        if (!this.moving || event.pointerType === 'touch') {
            return;
        }
        if (event.type === 'pointerdown') {
            this.#grip = event;
            this.#view.setPointerCapture(event.pointerId);
        } else if (event.type === 'pointermove' && this.#grip) {
            this.#view.scrollBy(this.#grip.clientX - event.clientX,
                this.#grip.clientY - event.clientY);
            this.#grip = event;
        } else if (event.type !== 'pointermove') {
            this.#grip = null;
        }
    }
}
