// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/kernel_features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

namespace tlscope {
namespace {

/// Whether a program that does nothing can be attached to a kernel function or tracepoint.
bool TakesTracing(const char* hook, bpf_attach_type type) {
  const int id = libbpf_find_vmlinux_btf_id(hook, type);
  if (id < 0) return false;
  const bpf_insn nothing[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = type;
  options.attach_btf_id = static_cast<__u32>(id);
  const int program =
      bpf_prog_load(BPF_PROG_TYPE_TRACING, "nothing", "GPL", nothing, std::size(nothing), &options);
  if (program < 0) return false;
  const int link = bpf_raw_tracepoint_open(nullptr, program);
  if (link >= 0) close(link);
  close(program);
  return link >= 0;
}

}  // namespace

bool KernelHas(AttachStrategy strategy) {
  switch (strategy) {
    case AttachStrategy::kAuto:
      return true;
    case AttachStrategy::kTpBtf:
      return TakesTracing("sock_send_length", BPF_TRACE_RAW_TP) &&
             TakesTracing("sock_recv_length", BPF_TRACE_RAW_TP);
    case AttachStrategy::kFentry:
      return TakesTracing("tcp_sendmsg", BPF_TRACE_FENTRY) &&
             TakesTracing("tcp_recvmsg", BPF_TRACE_FEXIT);
    case AttachStrategy::kKprobe:
      return std::filesystem::exists("/sys/bus/event_source/devices/kprobe");
    case AttachStrategy::kSyscall:
      return TakesTracing("sys_exit", BPF_TRACE_RAW_TP);
  }
  return false;
}

}  // namespace tlscope
