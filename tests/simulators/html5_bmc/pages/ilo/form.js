// SPDX-License-Identifier: Apache-2.0
// The login form: usable once this has run and the iLO has said who it is.

const form = document.getElementById('login-form');
const [user, password, submit] = form.elements;
const error = document.getElementById('login-form__error');
const SETTLING = 300;

function setDisabled(value) {
    for (const control of form.elements) {
        control.disabled = value;
    }
}

// Calls done(answer) after a login.
export async function useForm(done) {
    form.addEventListener('submit', async (event) => {
        event.preventDefault();
        setDisabled(true);
        error.textContent = '';
        const reply = await fetch('/json/login_session', {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ method: 'login', user_login: user.value,
                                   password: password.value }),
        });
        const answer = await reply.json();
        password.value = '';
        setDisabled(false);
        if (reply.ok) {
            done(answer);
        } else {
            error.textContent = answer.details;
        }
    });
    await fetch('/json/login_info');
    setTimeout(() => setDisabled(false), SETTLING);
}
