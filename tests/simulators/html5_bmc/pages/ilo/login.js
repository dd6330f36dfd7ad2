// SPDX-License-Identifier: Apache-2.0
import { useForm } from '/js/form.js';

useForm(() => location.assign('/html/admin.html'));
