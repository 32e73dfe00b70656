// Shared code of the Python bindings.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/dispatch.hpp"
#include "common/threads.hpp"

namespace nb = nanobind;
using namespace nb::literals;

void bind_crf(nb::module_& module);          // in crf.cpp
void bind_convolution(nb::module_& module);  // in conv.cpp
void bind_learning(nb::module_& module);     // in learning.cpp

// An array with aligned numbers, which is never converted. Other arrays raise TypeError.
template <typename T, int Dimensions, class... Layout>
class AlignedArray : public nb::ndarray<T, nb::ndim<Dimensions>, nb::device::cpu, Layout...> {
  public:
    using Plain = nb::ndarray<T, nb::ndim<Dimensions>, nb::device::cpu, Layout...>;
    AlignedArray() = default;
    explicit AlignedArray(Plain&& plain) : Plain(std::move(plain)) {}
    bool aligned() const { return reinterpret_cast<std::uintptr_t>(this->data()) % alignof(T) == 0; }
};

template <typename T, int Dimensions>
using Array = AlignedArray<T, Dimensions, nb::c_contig>;

namespace nanobind::detail {
template <typename T, int Dimensions, class... Layout>
struct type_caster<AlignedArray<T, Dimensions, Layout...>> {
    using Taken = AlignedArray<T, Dimensions, Layout...>;
    using PlainCaster = make_caster<typename Taken::Plain>;
    NB_TYPE_CASTER(Taken, PlainCaster::Name)

    bool from_python(handle source, std::uint32_t flags, cleanup_list* cleanup) noexcept {
        PlainCaster plain;
        if (!plain.from_python(source, flags & ~static_cast<std::uint32_t>(cast_flags::convert), cleanup)) return false;
        value = Taken(std::move(plain.value));
        return value.aligned();
    }
};
}  // namespace nanobind::detail

inline void require(bool condition, const char* message) {
    if (!condition) throw nb::value_error(message);
}

inline void require_threads(int threads) { require(threads >= 1 && threads <= 1024, "threads must be from 1 to 1024"); }

template <class Any>
std::ptrdiff_t size(const Any& array, std::size_t axis) {
    return static_cast<std::ptrdiff_t>(array.shape(axis));
}

// Runs without the GIL. In Python's main thread, long work checks for Ctrl-C.
class Released {
  public:
    Released() : scope_(on_main_thread() ? &raise_if_interrupted : nullptr) {}

  private:
    static bool on_main_thread() {
        const nb::module_ threading = nb::module_::import_("threading");
        return threading.attr("main_thread")().attr("ident").equal(threading.attr("get_ident")());
    }
    static void raise_if_interrupted() {
        const nb::gil_scoped_acquire held;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }

    pixelwise::InterruptScope scope_;
    nb::gil_scoped_release released_;
};

// The dispatch table of an instruction set, by default the best one that the processor runs.
inline const pixelwise::Routines& routines_named(const std::optional<std::string>& instructions) {
    const pixelwise::Routines* routines = pixelwise::find_routines(instructions ? instructions->c_str() : nullptr);
    require(routines != nullptr, "this processor does not run these instructions, or they were not built in");
    return *routines;
}
