# Adds the module to NGINX's "make modules".
cat << END >> $NGX_MAKEFILE

modules: ngx_http_mediasync_module

.PHONY: ngx_http_mediasync_module
ngx_http_mediasync_module: $NGX_OBJS/ngx_auto_config.h
	cmake -S $ngx_addon_dir -B $mediasync_objs/mediasync -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release -DMEDIASYNC_BUILD_TESTS=OFF \\
	  -DNGX_SOURCE=$PWD -DNGX_OBJS=$mediasync_objs
	\$(MAKE) -C $mediasync_objs/mediasync ngx_http_mediasync_module
	cp $mediasync_objs/mediasync/ngx_http_mediasync_module.so $mediasync_objs/
END
