/* The everyday operations on names and open files, as chains and information classes ([MS-FSCC] 2.4, 2.5). */
#include "client/smb1/smb1.h"

#include "wire/fscc.h"

#include <stdlib.h>

enum { ALL_BYTES = 4096, RENAME_FIXED = 32 };

/* The first 72 bytes of FileAllInformation; the name behind may have been cut off. */
static ntstatus decode_all(const uint8_t *data, size_t len, struct hythe_stat *out)
{
	struct wire w = wire_decoder(data, 0, len, NULL);
	struct fscc_basic basic = {0};
	struct fscc_standard standard = {0};
	struct fscc_u64 index = {0};
	fscc_basic_code(&w, &basic);
	fscc_standard_code(&w, &standard);
	fscc_u64_code(&w, &index);
	if (!wire_ok(&w)) {
		cli_error_set("the server sent malformed file information");
		return STATUS_INVALID_NETWORK_RESPONSE;
	}
	*out = (struct hythe_stat){
		.creation_time = basic.creation_time,
		.last_access_time = basic.last_access_time,
		.last_write_time = basic.last_write_time,
		.change_time = basic.change_time,
		.size_bytes = standard.end_of_file,
		.allocated_bytes = standard.allocation_size,
		.file_id = index.value,
		.attributes = basic.file_attributes,
		.links = standard.number_of_links,
		.directory = standard.directory,
		.delete_pending = standard.delete_pending,
	};
	return STATUS_SUCCESS;
}

ntstatus hythe_stat(struct hythe_tree *t, const char *path, struct hythe_stat *out)
{
	uint8_t all[ALL_BYTES];
	struct hythe_open_params p;
	if (cli1_is_active(t->session->conn))
		return cli1_stat(t, path, out);
	hythe_open_params_init(&p, path, HYTHE_READ_ATTRIBUTES);
	struct hythe_step steps[] = {
		{.kind = HYTHE_STEP_OPEN, .open = &p},
		{.kind = HYTHE_STEP_QUERY_INFO, .info_type = HYTHE_INFO_FILE, .info_class = FSCC_FILE_ALL, .buffer = all,
			.len = sizeof(all)},
		{.kind = HYTHE_STEP_CLOSE},
	};
	ntstatus status = hythe_chain(t, steps, ARRAY_LEN(steps));
	return nt_ok(status) ? decode_all(all, steps[1].bytes, out) : status;
}

ntstatus hythe_file_stat(struct hythe_file *f, struct hythe_stat *out)
{
	uint8_t all[ALL_BYTES];
	size_t len;
	if (f->smb1)
		return cli1_file_stat(f, out);
	ntstatus status = hythe_query_info(f, HYTHE_INFO_FILE, FSCC_FILE_ALL, 0, all, sizeof(all), &len);
	if (!nt_ok(status) && !nt_is(status, STATUS_BUFFER_OVERFLOW))
		return status;
	return decode_all(all, len, out);
}

uint8_t *cli_rename_information(const char *to, bool replace, size_t *len, ntstatus *status)
{
	struct slice name = cli_path(to, status);
	if (!nt_ok(*status))
		return NULL;
	struct fscc_rename m = {.flags = replace ? 1u : 0u, .name = name};
	uint8_t *data = malloc(RENAME_FIXED + name.len);
	*status = STATUS_NO_MEMORY;
	if (data) {
		struct wire w = wire_encoder(data, 0, RENAME_FIXED + name.len);
		fscc_rename_code(&w, &m);
		*status = w.error;
		*len = w.pos;
	}
	free((void *)(uintptr_t)name.data);
	return data;
}

ntstatus hythe_file_rename(struct hythe_file *f, const char *to, bool replace)
{
	ntstatus status;
	size_t len = 0;
	uint8_t *data = cli_rename_information(to, replace, &len, &status);
	if (nt_ok(status))
		status = hythe_set_info(f, HYTHE_INFO_FILE, FSCC_FILE_RENAME, 0, data, len);
	free(data);
	return status;
}

ntstatus hythe_rename(struct hythe_tree *t, const char *from, const char *to, bool replace)
{
	struct hythe_open_params p;
	if (cli1_is_active(t->session->conn) && !replace)
		return cli1_name_command(t, SMB1_RENAME, from, to);
	hythe_open_params_init(&p, from, HYTHE_DELETE | HYTHE_READ_ATTRIBUTES | HYTHE_SYNCHRONIZE);
	struct hythe_step steps[] = {
		{.kind = HYTHE_STEP_OPEN, .open = &p},
		{.kind = HYTHE_STEP_RENAME, .to = to, .replace = replace},
		{.kind = HYTHE_STEP_CLOSE},
	};
	return hythe_chain(t, steps, ARRAY_LEN(steps));
}

static ntstatus delete_kind(struct hythe_tree *t, const char *path, uint32_t option)
{
	static const uint8_t delete_pending[1] = {1};
	struct hythe_open_params p;
	if (cli1_is_active(t->session->conn))
		return cli1_name_command(t, option == HYTHE_OPTION_DIRECTORY ? SMB1_DELETE_DIRECTORY : SMB1_DELETE, path, NULL);
	hythe_open_params_init(&p, path, HYTHE_DELETE | HYTHE_READ_ATTRIBUTES);
	p.options = option | HYTHE_OPTION_OPEN_REPARSE_POINT;
	struct hythe_step steps[] = {
		{.kind = HYTHE_STEP_OPEN, .open = &p},
		{.kind = HYTHE_STEP_SET_INFO, .info_type = HYTHE_INFO_FILE, .info_class = FSCC_FILE_DISPOSITION,
			.data = delete_pending, .len = sizeof(delete_pending)},
		{.kind = HYTHE_STEP_CLOSE},
	};
	return hythe_chain(t, steps, ARRAY_LEN(steps));
}

ntstatus hythe_unlink(struct hythe_tree *t, const char *path)
{
	return delete_kind(t, path, HYTHE_OPTION_NON_DIRECTORY);
}

ntstatus hythe_rmdir(struct hythe_tree *t, const char *path)
{
	return delete_kind(t, path, HYTHE_OPTION_DIRECTORY);
}

ntstatus hythe_mkdir(struct hythe_tree *t, const char *path)
{
	struct hythe_open_params p;
	if (cli1_is_active(t->session->conn))
		return cli1_name_command(t, SMB1_CREATE_DIRECTORY, path, NULL);
	hythe_open_params_init(&p, path, HYTHE_READ_ATTRIBUTES);
	p.disposition = HYTHE_CREATE;
	p.options = HYTHE_OPTION_DIRECTORY;
	p.attributes = HYTHE_ATTRIBUTE_DIRECTORY;
	struct hythe_step steps[] = {{.kind = HYTHE_STEP_OPEN, .open = &p}, {.kind = HYTHE_STEP_CLOSE}};
	return hythe_chain(t, steps, ARRAY_LEN(steps));
}

ntstatus hythe_file_truncate(struct hythe_file *f, uint64_t size_bytes)
{
	uint8_t data[8];
	store_le64(data, size_bytes);
	return hythe_set_info(f, HYTHE_INFO_FILE, FSCC_FILE_END_OF_FILE, 0, data, sizeof(data));
}

ntstatus hythe_file_set_times(struct hythe_file *f, uint64_t creation_time, uint64_t last_access_time, uint64_t last_write_time,
	uint64_t change_time, uint32_t attributes)
{
	uint8_t data[40] = {0};
	struct fscc_basic m = {creation_time, last_access_time, last_write_time, change_time, attributes};
	struct wire w = wire_encoder(data, 0, sizeof(data));
	fscc_basic_code(&w, &m);
	if (!wire_ok(&w))
		return w.error;
	return hythe_set_info(f, HYTHE_INFO_FILE, FSCC_FILE_BASIC, 0, data, w.pos);
}

ntstatus hythe_file_volume(struct hythe_file *f, struct hythe_volume *out)
{
	uint8_t data[64];
	size_t len;
	struct fscc_fs_full_size m = {0};
	ntstatus status = hythe_query_info(f, HYTHE_INFO_FILESYSTEM, FSCC_FS_FULL_SIZE, 0, data, sizeof(data), &len);
	if (!nt_ok(status))
		return status;
	struct wire w = wire_decoder(data, 0, len, NULL);
	fscc_fs_full_size_code(&w, &m);
	if (!wire_ok(&w))
		return STATUS_INVALID_NETWORK_RESPONSE;
	uint64_t unit = (uint64_t)m.sectors_per_allocation_unit * m.bytes_per_sector;
	out->total_bytes = m.total_allocation_units * unit;
	out->free_bytes = m.caller_available_allocation_units * unit;
	return STATUS_SUCCESS;
}
